// The jail that hostile bytes are parsed in: a process puts it around itself and cannot take it off.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sluice_jail_profile {
    // Dies with its parent and keeps its limits; no Landlock, no seccomp.
    SLUICE_JAIL_NONE,
    // A program that reads and writes pipes: the loader, memory, files that Landlock grants, one execve.
    SLUICE_JAIL_PIPE_PROGRAM,
    // A scan in a forked child: files in its own folder; no program, no code made at run time.
    SLUICE_JAIL_SCANNER,
};

// Limits of zero are left as they are. Lists end with NULL and may be NULL.
struct sluice_jail_rules {
    enum sluice_jail_profile profile;
    pid_t parent;              // die with it; 0: with nobody
    const char *program;       // the one that may be executed, and the loader with it
    const char *const *read;   // files and folders
    const char *const *write;  // folders, to read and write
    const char *const *calls;  // further system calls by name; those that this machine lacks are passed over
    bool threads;              // may start threads of its own, processes never
    uint64_t seconds;          // of the processor
    uint64_t memory;           // bytes of address space
    uint64_t file_size;        // bytes of one file written
    uint64_t files;            // open at once
};

// What went wrong. These are sluice-jail's exit codes too, above those of the programs that it runs.
enum sluice_jail_failure {
    SLUICE_JAIL_USAGE = 120,
    SLUICE_JAIL_ORPHAN = 121,
    SLUICE_JAIL_LIMITS = 122,
    SLUICE_JAIL_LANDLOCK = 123,
    SLUICE_JAIL_SECCOMP = 124,
    SLUICE_JAIL_EXECUTE = 125,
};

// Puts the jail around the calling, single-threaded process: 0, or a failure with errno set, after which the process must
// end. Works as root, as a user and without any capability.
int sluice_jail(const struct sluice_jail_rules *rules);

// What the last failure was about, in a few words.
const char *sluice_jail_reason(void);

// The version of Landlock that the kernel speaks; 0 if it has none.
int sluice_jail_landlock_version(void);
