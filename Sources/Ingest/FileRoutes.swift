import Access
import Core
package import HTTPServer
import Ledger

/// One address space for tus and for IETF resumable uploads: finds out which of them speaks, and lets it answer.
package struct FileRoutes: Sendable {
    let routes: UploadRoutes
    /// Progress responses (104) are sent to those who speak the IETF's protocol.
    let sendsInterim: Bool

    var service: UploadService { routes.service }

    package init(_ routes: UploadRoutes, sendsInterim: Bool) {
        self.routes = routes
        self.sendsInterim = sendsInterim
    }

    enum Speaker: Equatable {
        case tus
        case ietf(InteropVersion)
        /// Who only looks or deletes need not say which protocol it speaks.
        case either
    }

    package func register(on router: inout Router) {
        for address in ["/files", "/files/"] {
            router.on(.post, address) { try await answer($0) { try await create($0, $1) } }
            router.on(.options, address) { _ in options(["OPTIONS", "POST"]) }
        }
        for method in [Method.head, .get, .patch, .delete, .post] {
            router.on(method, "/files/{upload}") { try await answer($0) { try await reach($0, $1) } }
        }
        router.on(.options, "/files/{upload}") { _ in options(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST"]) }
    }

    /// What both protocols are told of us; browsers' preflights too.
    package static func abilities(_ limits: UploadLimits) -> [(String, String)] {
        Tus.abilities(limits) + [
            limit(limits),
            ("Accept-Patch", "application/partial-upload, application/offset+octet-stream"),
        ]
    }

    private func options(_ methods: [String]) -> Response {
        Response(
            status: 204,
            fields: Self.abilities(service.limits) + [Tus.version, ("Allow", methods.joined(separator: ", "))])
    }

    private func answer(
        _ request: Request, _ handle: (Request, Speaker) async throws -> Response
    ) async throws -> Response {
        let request = Self.overridden(request)
        let speaker = Self.speaker(request)
        do {
            return try await handle(request, speaker)
        } catch {
            return answer(to: error, of: request, speaker)
        }
    }

    /// Every failure in the form of the protocol that the client speaks.
    private func answer(to error: any Error, of request: Request, _ speaker: Speaker) -> Response {
        var response: Response
        switch speaker {
        case .tus: response = Tus.answer(to: error, of: request)
        case .ietf(let version):
            response = version.answer(to: error, of: request)
            if response.status == 413 { response.fields.append(Self.limit(service.limits)) }
        case .either: response = Problem.envelope(Self.refusal(of: error), requestID: request.id)
        }
        response.fault = Self.refusal(of: error).fault
        return response
    }

    static func limit(_ limits: UploadLimits) -> (String, String) { ("Upload-Limit", "max-size=\(limits.largest)") }

    /// tus: "the method is to be read from X-HTTP-Method-Override", for those whose proxies know GET and POST alone.
    private static func overridden(_ request: Request) -> Request {
        guard request.method == .post, let method = request.fields["x-http-method-override"] else { return request }
        return request.with(method: Method(method.uppercased()))
    }

    private static func speaker(_ request: Request) -> Speaker {
        let fields = request.fields
        if fields.contains("tus-resumable") { return .tus }
        let type = mediaType(request)
        if let version = InteropVersion(fields, type: type) { return .ietf(version) }
        // A tus client that forgot its version is told which are spoken.
        return type == "application/offset+octet-stream" ? .tus : .either
    }

    static func mediaType(_ request: Request) -> String? {
        request.fields["content-type"].map { type in
            type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        }
    }

    private func create(_ request: Request, _ speaker: Speaker) async throws -> Response {
        guard request.method == .post else { throw Refusal(.methodNotAllowed, fields: [("Allow", "OPTIONS, POST")]) }
        switch speaker {
        case .tus: return try await Tus(files: self).create(request)
        case .ietf(let version): return try await Resumable(files: self, version: version).create(request)
        case .either:
            throw IngestFailure(
                .invalid, "The request says no protocol: send Tus-Resumable, or Upload-Complete, or use /v1/uploads.")
        }
    }

    private func reach(_ request: Request, _ speaker: Speaker) async throws -> Response {
        switch (request.method, speaker) {
        case (.head, _), (.get, _): return try await look(request, speaker)
        case (.delete, _): return try await delete(request, speaker)
        case (.patch, .tus): return try await Tus(files: self).append(request)
        case (.patch, .ietf(let version)): return try await Resumable(files: self, version: version).append(request)
        case (.patch, .either):
            throw IngestFailure(
                .invalid, "The request says no protocol: send Tus-Resumable, or Upload-Complete with Upload-Offset.")
        default:
            throw Refusal(.methodNotAllowed, fields: [("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST")])
        }
    }

    /// Whatever keeps the state from being read, the client is to ask again: to a tus client any other failure means to
    /// begin at byte 0.
    private func look(_ request: Request, _ speaker: Speaker) async throws -> Response {
        if speaker == .tus { try Tus.mustSpeak(request) }
        guard !request.fields.contains("upload-offset"),
            speaker == .tus || !request.fields.contains("upload-complete")
        else {
            throw IngestFailure(.invalid, "A question for the offset has neither Upload-Offset nor Upload-Complete.")
        }
        var found: UploadRow?
        do {
            let row = try await routes.find(request)
            found = row
            try service.mustBeHere(row)
            let state = try await service.streamState(row, interrupting: request.method == .head)
            switch speaker {
            case .tus: return Tus(files: self).show(state)
            case .ietf(let version): return Resumable(files: self, version: version).show(state)
            case .either: return union(state)
            }
        } catch {
            guard Self.refusal(of: error).code.status >= 500 else { throw error }
            let failure = error as? IngestFailure ?? IngestFailure(.unreadable, "\(error)")
            var response = Response(status: 423, fields: [("Retry-After", "1"), ("Cache-Control", "no-store")])
            if let found {
                service.notice(.unreadable(found, failure))
            } else {
                response.fault = "\(error)"
            }
            return response
        }
    }

    private func union(_ state: StreamState) -> Response {
        var response = Tus(files: self).show(state)
        for field in Resumable(files: self, version: .rfc).show(state).fields where response[field.0] == nil {
            response.fields.append(field)
        }
        if state.row.protocol == .ietf { response.status = 204 }
        return response
    }

    private func delete(_ request: Request, _ speaker: Speaker) async throws -> Response {
        if speaker == .tus { try Tus.mustSpeak(request) }
        let row = try await routes.find(request)
        try service.mustBeHere(row)
        guard try await service.cancel(row) else {
            // Another request ended it first.
            try service.mustBeHere(try await service.reread(row))
            throw IngestFailure(.cancelled, "The upload was cancelled.")
        }
        switch speaker {
        case .tus: return Response(status: 204, fields: [Tus.version])
        case .ietf(let version): return Response(status: 204, fields: version.echo)
        case .either: return Response(status: 204, fields: [Tus.version])
        }
    }

    func location(_ row: UploadRow, _ request: Request) -> (String, String) {
        ("Location", "\(routes.base(request))/files/\(row.id)")
    }

    /// Every failure as a refusal. An error that no room declares is a fault of the program.
    static func refusal(of error: any Error) -> Refusal {
        switch error {
        case let refusal as Refusal: refusal
        case let failure as IngestFailure: failure.refusal
        case let failure as AccessFailure: failure.refusal
        case let failure as SpoolFailure: IngestFailure(failure).refusal
        case let failure as LedgerFailure: failure.refusal
        case is CancellationError: .stopping
        default: Refusal(.internal, cause: "\(error)")
        }
    }
}
