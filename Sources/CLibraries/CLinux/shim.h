// What Swift's Glibc module leaves out. No _GNU_SOURCE here: it would give fd_set another shape than Glibc's module has.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
