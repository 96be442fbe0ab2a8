/* Calls getppid(2) as fast as it can, COUNT times, and prints how many nanoseconds that took, also of its own CPU time. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 3000000;
	struct timespec start, end, cpu_start, cpu_end;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_start);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_end);
	fprintf(stderr, "loop_ns %lld\ncpu_ns %lld\n",
		(end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec,
		(cpu_end.tv_sec - cpu_start.tv_sec) * 1000000000LL + cpu_end.tv_nsec - cpu_start.tv_nsec);
	return 0;
}
