import HTTPClient
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A client over TLS` {
    private func outcome(_ url: String, _ certificates: String?) async throws -> (String?, ClientFailure.Kind?) {
        let client = try HTTPClient(.init(addresses: .anywhere, certificates: certificates))
        do throws(ClientFailure) {
            return (String(decoding: try await client.send(ClientRequest("GET", url)).body, as: UTF8.self), nil)
        } catch {
            return (nil, error.kind)
        }
    }

    @Test func `trusts the authority it was given, for the names it certifies, and no other`() async throws {
        try await withTemporaryFolder { folder in
            let server = try await PrivateHTTPS(folder: folder)
            let (right, wrong) = ("https://localhost:\(server.port)/", "https://127.0.0.1:\(server.port)/")
            #expect(try await outcome(right, server.authority) == ("hello", nil))
            // The same server under a name that its certificate lacks.
            #expect(try await outcome(wrong, server.authority) == (nil, .tls))
            // The system's authorities do not know it.
            #expect(try await outcome(right, nil) == (nil, .tls))
            // A file without an authority trusts nobody.
            try Files.writeAtomically([], to: folder + "/empty.pem")
            let (none, kind) = try await outcome(right, folder + "/empty.pem")
            #expect(none == nil && kind != nil)
        }
    }
}
