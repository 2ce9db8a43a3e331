// Start-up only: everything else is in types, because closures here would belong to the main actor.
Sluice.begin()
