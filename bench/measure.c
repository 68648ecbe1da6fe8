/*
 * measure REPORT COMMAND...: runs the command and writes to REPORT what it took, as JSON.
 * It is a process of its own, because the peak memory of a child starts with that of the parent it was made
 * by, and this one's is next to nothing.
 */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* What takes longer than this hangs. */
enum { LIMIT_SECONDS = 300 };

static pid_t child;

static void end_child(int signal) {
  (void)signal;
  kill(child, SIGKILL);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec * 1e-6; }

int main(int count, char **values) {
  if (count < 3) return 2;
  int status = 0;
  struct rusage usage;
  double start = now();
  if (posix_spawnp(&child, values[2], NULL, NULL, values + 2, environ)) return 127;
  struct sigaction action = {.sa_handler = end_child, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarm(LIMIT_SECONDS);
  if (wait4(child, &status, 0, &usage) < 0) return 126;
  double wall = now() - start;
#ifdef __APPLE__
  double peak = usage.ru_maxrss / 1024.0 / 1024.0;
#else
  double peak = usage.ru_maxrss / 1024.0;
#endif
  FILE *report = fopen(values[1], "w");
  if (!report) return 125;
  fprintf(report, "{\"wallSeconds\": %.9f, \"cpuSeconds\": %.6f, \"peakMiB\": %.3f}\n", wall,
          seconds(usage.ru_utime) + seconds(usage.ru_stime), peak);
  fclose(report);
  if (WIFSIGNALED(status)) fprintf(stderr, "measure: ended by signal %d\n", WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
