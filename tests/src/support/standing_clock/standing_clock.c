/* Loaded before libc into a bootstrap: the time of day is what a file says, in whole seconds since 1970. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    const char *path = getenv("STANDING_CLOCK");
    if (clock != CLOCK_REALTIME || path == NULL) {
        return (int)syscall(SYS_clock_gettime, clock, now);
    }
    FILE *file = fopen(path, "r");
    long long seconds = 0;
    /* Without it a test would go by the real time and not know. */
    if (file == NULL || fscanf(file, "%lld", &seconds) != 1) {
        abort();
    }
    fclose(file);
    now->tv_sec = (time_t)seconds;
    now->tv_nsec = 0;
    return 0;
}
