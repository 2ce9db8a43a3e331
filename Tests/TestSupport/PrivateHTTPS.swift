internal import Platform

/// An HTTPS server under a certificate authority that no system trusts, for `localhost` alone.
package final class PrivateHTTPS: Sendable {
    package let port: Int
    /// The authority's certificate.
    package let authority: String
    private let process: ChildProcess

    /// Writes into `folder`.
    package init(folder: String) async throws {
        let python = Tool.root + "/.build/tools/bin/python"
        guard Files.isExecutable(python) else {
            throw TestTrouble("there is no .build/tools; scripts/bootstrap test brings it")
        }
        var spec = ProcessSpec(program: python, arguments: [Tool.root + "/Tests/Servers/https_server.py", folder])
        spec.environment = Tool.environment
        spec.output = .pipe
        let process = try ChildProcess.spawn(spec)
        let lines = LogLines()
        guard let output = process.takeOutput() else { throw TestTrouble("the server has no output") }
        try lines.follow(output) { _ in }
        guard let line = try await lines.first(where: { _ in true }), let port = Int(line) else {
            throw TestTrouble("the HTTPS server did not start: \(process.errorText)")
        }
        self.process = process
        self.port = port
        authority = folder + "/ca.pem"
    }

    deinit { process.kill() }
}
