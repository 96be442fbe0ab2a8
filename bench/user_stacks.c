// Makes 2^DEPTH different user stacks, each by a call of getppid(2) at the end of a path through pairs of functions.
#include <stdlib.h>
#include <unistd.h>

static volatile long sink;
__attribute__((noinline)) static void left(unsigned path, int depth);
__attribute__((noinline)) static void right(unsigned path, int depth);

static inline __attribute__((always_inline)) void go(unsigned path, int depth)
{
    if (!depth)
        sink += syscall(110 /* getppid on x86-64 */);
    else if (path & 1)
        left(path >> 1, depth - 1);
    else
        right(path >> 1, depth - 1);
    sink++; // no tail calls
}

__attribute__((noinline)) static void left(unsigned path, int depth) { go(path, depth); }
__attribute__((noinline)) static void right(unsigned path, int depth) { go(path, depth); }

int main(int argc, char **argv)
{
    int depth = argc > 1 ? atoi(argv[1]) : 17;
    for (unsigned path = 0; path < 1u << depth; path++)
        go(path, depth);
    return 0;
}
