import App
import Glibc

// Start-up only: everything else is in types, because closures here would belong to the main actor.
Serve.blockSignals()
exit(await Sluice.run(Array(CommandLine.arguments.dropFirst())))
