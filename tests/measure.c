/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure PROGRAM [ARGUMENT]...: runs it with its output to /dev/null and prints
 * "SECONDS PEAK-KIB".  Small, because a child's peak counts what its parent had at fork. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double start = now();
	int status, fd;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		fd = open("/dev/null", O_WRONLY);
		if (dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
			(void)execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	printf("%.6f %ld\n", now() - start, usage.ru_maxrss);
	return status == 0 ? 0 : 1;
}
