import Core
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// An empty file is complete where a protocol accepts it, and its track is judged like any other; nothing waits for bytes
/// that never come.
@Suite(.timeLimit(.minutes(5))) struct ZeroLengthTests {
    private let files: FilesRig
    private let name = FilesRig.metadata("a.wav")
    private let disposition = ("Content-Disposition", "attachment; filename=\"a.wav\"")

    init() throws { files = try FilesRig { $0.uploadsPerHour = 0 } }

    private func expectComplete(_ id: String?) async throws {
        let row = try #require(try await files.row(id ?? ""))
        #expect(row.state == .verifying && row.size == 0)
        #expect(try await files.rig.jobs() == 1)
        #expect(try await files.rig.events() == [.uploadCompleted])
        // What the job looks at first.
        #expect(try await files.rig.service.gather(row).sha256?.hasPrefix("e3b0c442") == true)
    }

    @Test func `tus with the length 0 is complete at its creation`() async throws {
        let made = await files.tusPost([("Upload-Length", "0"), name])
        #expect(made.status == 201 && made["Upload-Offset"] == "0")
        try await expectComplete(made["X-Upload-Id"])
    }

    @Test func `tus with the length 0 and an empty body is complete at its creation`() async throws {
        let made = await files.tusPost([("Upload-Length", "0"), name], [])
        #expect(made.status == 201)
        try await expectComplete(made["X-Upload-Id"])
        let chunked = await files.ask(
            .post, "/files", [FilesRig.tus, FilesRig.bytes, ("Upload-Length", "0"), name], .chunked(TestSource([])))
        #expect(chunked.status == 201)
        #expect(try await files.row(chunked["X-Upload-Id"] ?? "")?.state == .verifying)
    }

    @Test func `tus whose deferred length becomes 0 is complete`() async throws {
        let id = await files.tusPost([("Upload-Defer-Length", "1"), name])["X-Upload-Id"] ?? ""
        #expect(await files.tusPatch(id, 0, [], [("Upload-Length", "0")]).status == 204)
        try await expectComplete(id)
    }

    @Test func `an IETF creation without bytes and with the last word is complete`() async throws {
        let made = await files.ask(.post, "/files", [("Upload-Complete", "?1"), disposition])
        #expect(made.status == 201 || made.status == 200)
        try await expectComplete(made["X-Upload-Id"])
    }

    @Test func `an IETF upload whose last word comes without bytes is complete`() async throws {
        let id = await files.ask(.post, "/files", [("Upload-Complete", "?0"), disposition])["X-Upload-Id"] ?? ""
        let last = [
            ("Upload-Complete", "?1"), ("Upload-Offset", "0"), ("Content-Type", "application/partial-upload"),
        ]
        #expect(await files.ask(.patch, "/files/\(id)", last).status == 200)
        try await expectComplete(id)
    }

    @Test func `a final of empty parts is complete`() async throws {
        var parts: [String] = []
        for _ in 0..<2 {
            let made = await files.tusPost([("Upload-Length", "0"), ("Upload-Concat", "partial")])
            parts.append("/files/\(made["X-Upload-Id"] ?? "")")
        }
        let made = await files.tusPost([("Upload-Concat", "final;\(parts.joined(separator: " "))"), name])
        #expect(made.status == 201)
        try await expectComplete(made["X-Upload-Id"])
    }

    @Test func `chunks, a simple upload and a form of no bytes are refused`() async throws {
        let body = Body(bytes: JSON.object([("filename", "a.wav"), ("size", 0)]).bytes)
        #expect(await files.ask(.post, "/v1/uploads", [], body).status == 400)
        #expect(await files.ask(.post, "/v1/uploads/simple?filename=a.wav").status == 400)
        let chunked = await files.ask(
            .post, "/v1/uploads/simple?filename=a.wav", [], .chunked(TestSource([])))
        #expect(chunked.status == 400)
        let form = Array(
            "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\r\n--X--\r\n".utf8)
        let type = ("Content-Type", "multipart/form-data; boundary=X")
        #expect(await files.ask(.post, "/v1/uploads/simple", [type], Body(bytes: form)).status == 400)
        #expect(try await files.rig.events().isEmpty && files.rig.device.names.isEmpty)
        #expect(try await files.rig.reserved() == 0)
    }
}
