import Access
import Core
import Crypto
import HTTPServer
import Ledger
import Platform
import Testing

@testable import Ingest

/// The media API from a request to an answer, in memory; the job that judges is played by the test.
@Suite(.timeLimit(.minutes(5))) struct MediaRoutesTests {
    private let rig: ServiceRig
    private let router: Router
    private static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0] + Array(repeating: 7, count: 2000)
    private static let pdf = Array("%PDF-1.7\n".utf8) + Array(repeating: 7, count: 2000)

    init() throws { try self.init(time: Patient()) }

    private init(time: any TimeSource) throws {
        let rig = try ServiceRig { limits in
            limits.uploadsPerHour = 0
            limits.imageBytes = 1 << 20
        }
        var router = Router()
        MediaRoutes(
            service: rig.service, time: time, base: { _ in "http://here" },
            send: { media, fields, _ in
                .bytes(200, Array(media.sha256.utf8), type: media.contentType ?? "", fields: fields)
            },
            authenticate: { request in
                guard let user = request.fields["x-api-key"] else { throw AccessFailure(.missing).refusal }
                let tenant = user.hasPrefix("other") ? TenantID(checked: "other") : .operatorsOwn
                return Principal(
                    tenant: tenant, user: named(user),
                    permissions: user.hasSuffix("listener") ? [.streamAudio] : [.uploadAudio])
            }
        ).register(on: &router)
        (self.rig, self.router) = (rig, router)
    }

    private func ask(
        _ method: Method, _ path: String, _ body: [UInt8] = [], user: String? = "ann", _ fields: [(String, String)] = []
    ) async throws -> Response {
        let fields = fields + (user.map { [("X-API-Key", $0)] } ?? [])
        return await router.respond(
            to: Request(method, "/api/v6/media/" + path, fields: fields, body: Body(bytes: body)))
    }

    private func json(_ response: Response) throws -> JSON {
        guard case .bytes(let bytes) = response.body else { return .null }
        return try JSON.parse(bytes)
    }

    private func code(_ response: Response) throws -> String? { try json(response)["error"]?["code"]?.string }

    private func form(_ content: [UInt8], name: String) -> [UInt8] {
        Array("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n\r\n".utf8) + content
            + Array("\r\n--X--\r\n".utf8)
    }

    private static let multipart = [("Content-Type", "multipart/form-data; boundary=X")]

    private func send(_ content: [UInt8], name: String, as type: String, user: String? = "ann") async throws -> Response
    {
        try await ask(.post, type, form(content, name: name), user: user, Self.multipart)
    }

    /// What the pipeline would do, as soon as there is something to judge.
    private func judge(_ verdict: @escaping @Sendable (Transaction, MediaRow) throws -> Bool) async throws {
        let (ledger, node) = (rig.ledger, ServiceRig.node)
        var mark = ledger.hints.mark(.jobs)
        while true {
            let row = try await ledger.write("test.claim") { tx -> MediaRow? in
                guard
                    let job = try tx.jobs.claim(node: node, boot: "b", limit: 1, lease: .seconds(60)).first
                else { return nil }
                #expect(job.kind == UploadService.mediaJob)
                _ = try tx.jobs.settle(job.lease, .done)
                guard let media = try job.uploadID.flatMap({ try tx.media.find($0) }) else { return nil }
                #expect(try verdict(tx, media))
                return media
            }
            if row != nil { return }
            await ledger.hints.wait(for: .jobs, since: &mark)
        }
    }

    private static func publish(_ tx: Transaction, _ media: MediaRow, _ format: MediaFormat) throws -> Bool {
        try tx.media.publish(
            media.id, filename: "\(media.id).\(format.name)", contentType: format.contentType, key: "media/x")
    }

    /// Sent, and found clean: its address.
    private func kept(
        _ content: [UInt8] = jpeg, name: String = "a b.jpg", as type: String = "avatar", _ format: MediaFormat = .jpg
    ) async throws -> String {
        async let verdict: Void = judge { try Self.publish($0, $1, format) }
        let answer = try await send(content, name: name, as: type)
        try await verdict
        #expect(answer.status == 200 && answer["Content-Type"] == "text/plain; charset=utf-8")
        guard case .bytes(let bytes) = answer.body else { return "" }
        let url = String(decoding: bytes, as: UTF8.self)
        #expect(url == "http://here/api/v6/media/\(type)/\(answer["X-Upload-Id"] ?? "").\(format.name)")
        return String(url.dropFirst("http://here/api/v6/media/".count))
    }

    @Test func `answers with an address once it is proven clean, and hands the file out there`() async throws {
        let path = try await kept()
        let file = try await ask(.get, path)
        #expect(file.status == 200 && file["Content-Type"] == "image/jpeg")
        #expect(file["X-Content-Type-Options"] == "nosniff")
        #expect(file["Content-Disposition"] == "inline; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg")
        #expect(file["Cache-Control"]?.hasPrefix("private") == true)
        let id = String(path.dropFirst(7).prefix { $0 != "." })
        for name in [id, id + ".jpg"] {
            let shown = try json(try await ask(.get, name))
            for members in [shown, shown["data"] ?? .null] {
                #expect(members["id"]?.string == id && members["type"] == "avatar")
                #expect(members["contentType"] == "image/jpeg" && members["size"] == 2004)
                #expect(members["url"]?.string == "http://here/api/v6/media/\(path)")
            }
        }
        let track = try await rig.ledger.read("test") { tx in
            try tx.tracks.list(tenant: .operatorsOwn, limit: 1).rows
        }
        #expect(track.isEmpty, "media are no tracks")
    }

    @Test func `a ledger or a disk that is full is 507`() async throws {
        rig.failing.fail("upload.simple", .full)
        #expect(try await send(Self.jpeg, name: "a.jpg", as: "avatar").status == 507)
        let large = Self.jpeg + Array(repeating: 7, count: 100_000)
        rig.failing.fail("upload.simple", .full)
        #expect(try await send(large, name: "a.jpg", as: "avatar").status == 507)
        rig.device.fail("write data", .noSpace)
        #expect(try await send(large, name: "a.jpg", as: "avatar").status == 507)
        #expect(rig.device.names.isEmpty)
    }

    @Test func `a document is saved, never opened; odd names do no harm`() async throws {
        let path = try await kept(Self.pdf, name: "né;%22.pdf", as: "lesson_doc", .pdf)
        let field = try #require(try await ask(.get, path)["Content-Disposition"])
        #expect(field == "attachment; filename=\"n___22.pdf\"; filename*=UTF-8''n%C3%A9%3B%2522.pdf")
    }

    @Test func `what is public needs no key; all else does, its metadata too`() async throws {
        let song = try await kept(wav(4000), name: "a.wav", as: "character", .audio(.wav))
        #expect(try await ask(.get, song, user: nil).status == 200)
        #expect(try await ask(.get, song, user: nil)["Cache-Control"]?.hasPrefix("public") == true)
        #expect(try await ask(.get, String(song.dropFirst(10)), user: nil).status == 200)
        #expect(try await ask(.delete, song, user: nil).status == 401)
        let face = try await kept()
        #expect(try await ask(.get, face, user: nil).status == 401)
        #expect(try await ask(.get, String(face.dropFirst(7)), user: nil).status == 401)
        #expect(try await ask(.get, "avatar/up_none.jpg", user: nil).status == 401, "nor whether it is there")
        #expect(try await send(Self.jpeg, name: "a.jpg", as: "avatar", user: nil).status == 401)
        #expect(try await send(Self.jpeg, name: "a.jpg", as: "avatar", user: "listener").status == 403)
        #expect(try await ask(.get, face, user: "listener").status == 200)
    }

    @Test func `another tenant finds nothing, another user deletes nothing`() async throws {
        let path = try await kept()
        let id = String(path.dropFirst(7))
        for (method, target) in [(Method.get, path), (.get, id), (.delete, path), (.delete, id)] {
            #expect(try await ask(method, target, user: "other").status == 404)
        }
        #expect(try await ask(.delete, path, user: "bob").status == 404)
        #expect(try await ask(.get, "word/" + id).status == 404, "not under another type")
        #expect(try await ask(.get, "avatar/" + id.dropLast(3) + "png").status == 404)
        #expect(try await ask(.get, path).status == 200)
    }

    @Test func `deleted once, it is gone, and a job takes its bytes`() async throws {
        let path = try await kept()
        #expect(try await ask(.delete, path).status == 204)
        #expect(try await ask(.delete, path).status == 404)
        #expect(try await ask(.get, path).status == 404)
        #expect(try await ask(.get, String(path.dropFirst(7))).status == 404)
        #expect(try await rig.jobs() == 1)
    }

    @Test func `infected is 422, and the file is nowhere`() async throws {
        async let verdict: Void = judge { tx, media in
            try tx.media.end(media.id, as: .quarantined, code: .infected, message: "Eicar was found.")
        }
        let answer = try await send(Self.jpeg, name: "a.jpg", as: "avatar")
        try await verdict
        #expect(answer.status == 422)
        #expect(try code(answer) == "INFECTED")
        let id = try #require(answer["X-Upload-Id"])
        #expect(try await ask(.get, id).status == 422)
        #expect(try await ask(.get, "avatar/\(id).jpg").status == 404)
    }

    @Test func `no verdict in time is 503, and the file is not lost`() async throws {
        let hasty = try MediaRoutesTests(time: TestTime())
        let answer = try await hasty.send(Self.jpeg, name: "a.jpg", as: "avatar")
        #expect(answer.status == 503 && answer["Retry-After"] != nil)
        let id = try #require(answer["X-Upload-Id"])
        #expect(try await hasty.ask(.get, id).status == 409)
        try await hasty.judge { try Self.publish($0, $1, .jpg) }
        #expect(try await hasty.ask(.get, "avatar/\(id).jpg").status == 200)
    }

    @Test func `bytes of another kind are 415 and leave nothing`() async throws {
        for (content, name, type) in [
            (Self.pdf, "a.jpg", "avatar"), (Self.jpeg, "a.png", "avatar"), (Self.jpeg, "a.svg", "avatar"),
            (Self.jpeg, "a.mp3", "word"), (Self.jpeg, "face", "lesson_doc"), (wav(2000), "a.mp4", "lesson_video"),
            (Array("<html><script>".utf8) + Self.pdf, "a.pdf", "lesson_doc"), (Self.pdf, "a.html", "lesson_doc"),
        ] {
            let answer = try await send(content, name: name, as: type)
            #expect(answer.status == 415, "\(name) as \(type)")
        }
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.jobs() == 0)
    }

    @Test func `each kind has its limit`() async throws {
        let large = Self.jpeg + [UInt8](repeating: 0, count: 1 << 20)
        #expect(try await send(large, name: "a.jpg", as: "avatar").status == 413)
        #expect(try await ask(.post, "avatar", form(large + large, name: "a.jpg"), Self.multipart).status == 413)
        #expect(rig.device.names.isEmpty)
    }

    @Test func `a type nobody knows, a form that is none`() async throws {
        #expect(try await send(Self.jpeg, name: "a.jpg", as: "virus").status == 400)
        #expect(try await ask(.post, "avatar", Self.jpeg).status == 400)
        #expect(
            try await ask(.post, "avatar", Array(form(Self.jpeg, name: "a.jpg").dropLast(9)), Self.multipart).status
                == 400)
        #expect(try await ask(.get, "%2e%2e/%2e%2e").status == 404)
    }

    @Test func `after a restart what waits for its job keeps its bytes, what is kept elsewhere does not`() async throws
    {
        let path = try await kept()
        _ = try await rig.ledger.write("test") { tx in
            try tx.uploads.setState(
                UploadID(checked: String(path.dropFirst(7).prefix { $0 != "." })), from: [.verifying], to: .ready)
        }
        let body = Request(.post, "/", fields: Self.multipart, body: Body(bytes: form(Self.pdf, name: "a.pdf")))
        let waiting = try await rig.service.takeMedia(
            body, as: .lessonDoc, from: Origin(principal: ServiceRig.user, requestID: .make()))
        let restarted = try rig.restarted()
        #expect(try await restarted.service.recover().removed == 1)
        let left = try await rig.ledger.read("test") { try $0.smallFiles.list(node: waiting.node, limit: 10) }
        #expect(left == [waiting.id] && rig.device.names.isEmpty)
    }
}

/// A clock that rings for nobody.
private struct Patient: TimeSource {
    let now = Timestamp(seconds: 1_790_000_000)
    func sleep(for duration: Duration) async throws {
        let (silence, end) = AsyncStream<Never>.makeStream()
        for await _ in silence {}
        end.finish()
        try Task.checkCancellation()
    }
}
