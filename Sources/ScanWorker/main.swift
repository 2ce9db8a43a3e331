import Glibc

// Start-up only: closures of this file would belong to the main actor, and libclamav's callbacks are none of its.
exit(Program.run(CommandLine.arguments))
