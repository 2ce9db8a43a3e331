// sluice-jail: builds the jail around itself and becomes the program.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "CJail.h"
#include "proof.h"

enum { most_paths = 64 };

static const char usage[] =
    "usage: sluice-jail --parent PID [--no-sandbox] [--threads] [--read PATH]... [--write FOLDER]...\n"
    "                   [--seconds N] [--memory BYTES] [--file-size BYTES] [--nice N] -- /PROGRAM [ARGUMENT]...\n"
    "       sluice-jail --self-test landlock | [scan-]socket | exec | read | write | process | orphan | signal\n"
    "                               | scan-code | scan-mode\n"
    "Exit codes 120-125 are the jail's own; all others are the program's.\n";

static int refuse(int code, const char *about, const char *why) {
    fprintf(stderr, "sluice-jail: %s: %s\n", about, why);
    return code;
}

static int parse(const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-') return -1;
    *value = number;
    return 0;
}

int main(int count, char **arguments) {
    const char *read[most_paths + 1] = {0}, *write[most_paths + 1] = {0};
    int reads = 0, writes = 0, next = 1;
    uint64_t parent = 0, niceness = 0;
    struct sluice_jail_rules rules = {.profile = SLUICE_JAIL_PIPE_PROGRAM, .read = read, .write = write, .files = 64};

    if (count >= 3 && strcmp(arguments[1], "--self-test") == 0) return sluice_jail_prove(arguments[2]);
    for (; next < count && strcmp(arguments[next], "--") != 0; next++) {
        const char *name = arguments[next];
        if (strcmp(name, "--no-sandbox") == 0) {
            rules.profile = SLUICE_JAIL_NONE;
            continue;
        }
        if (strcmp(name, "--threads") == 0) {
            rules.threads = true;
            continue;
        }
        if (++next >= count) return fputs(usage, stderr), SLUICE_JAIL_USAGE;
        const char *value = arguments[next];
        uint64_t *number = NULL;
        if (strcmp(name, "--read") == 0 && reads < most_paths) read[reads++] = value;
        else if (strcmp(name, "--write") == 0 && writes < most_paths) write[writes++] = value;
        else if (strcmp(name, "--parent") == 0) number = &parent;
        else if (strcmp(name, "--seconds") == 0) number = &rules.seconds;
        else if (strcmp(name, "--memory") == 0) number = &rules.memory;
        else if (strcmp(name, "--file-size") == 0) number = &rules.file_size;
        else if (strcmp(name, "--nice") == 0) number = &niceness;
        else return fputs(usage, stderr), SLUICE_JAIL_USAGE;
        if (number && parse(value, number) != 0) return refuse(SLUICE_JAIL_USAGE, name, "not a number");
    }
    char **program = arguments + next + 1;
    if (next + 1 >= count || program[0][0] != '/' || parent == 0) return fputs(usage, stderr), SLUICE_JAIL_USAGE;

    rules.parent = (pid_t)parent;
    rules.program = program[0];
    if (niceness) setpriority(PRIO_PROCESS, 0, (int)niceness);  // a wish: work goes on without it
    int failure = sluice_jail(&rules);
    if (failure) return refuse(failure, sluice_jail_reason(), strerror(errno));
    execv(program[0], program);
    return refuse(SLUICE_JAIL_EXECUTE, program[0], strerror(errno));
}
