/* The integer names that kernel and user headers build on: the system's own header where there is one, and the short
   names that it keeps from user programs. With BTF the kernel's types stand in their place, but not the macros of the
   headers that it includes. */
#if __has_include(<linux/stddef.h>)
#include <linux/stddef.h>
#endif

#ifndef _LINUX_TYPES_H

#if __has_include_next(<linux/types.h>)
#include_next <linux/types.h>
#else
typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

typedef __u16 __le16, __be16;
typedef __u32 __le32, __be32;
typedef __u64 __le64, __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef unsigned int __poll_t;
#endif

#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef unsigned int gfp_t;

#endif
