package import Core

/// What the CLI calls the server of its own machine with: five minutes of everything in the operator's tenant, signed by a
/// secret that only this machine's owner can read, and believed from loopback only.
package enum LocalToken {
    package static let lifetime = Duration.seconds(300)

    package static func make(secret: [UInt8], at now: Timestamp) -> String {
        BearerToken.make(
            subject: .local, tenant: .operatorsOwn, permissions: Permission.allCases, expires: now + lifetime,
            issued: now, secret: secret)
    }
}
