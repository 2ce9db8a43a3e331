import Core
import Crypto
import HTTPServer
import Platform
import Storage

/// One blob as it is to be answered: the same fields and tag, wherever its bytes come from.
struct Wanted: Sendable {
    let key: BlobKey
    let contentType: String
    let isText: Bool
    let tag: String
    let fields: [(String, String)]
}

extension Wanted {
    init(_ key: BlobKey, _ media: MediaType, tag: String, caching: String, _ cors: [(String, String)]) {
        var fields = [("Cache-Control", caching)]
        if media.isText { fields.append(("Vary", "Accept-Encoding")) }
        self.init(key: key, contentType: media.contentType, isText: media.isText, tag: tag, fields: fields + cors)
    }
}

/// What was opened for an answer.
enum Opened: Sendable {
    /// The kernel sends it.
    case file(OpenFile)
    /// It is still on its way from the store.
    case arriving(any ArrivingBlob)
}

extension Delivery {
    // MARK: Opening

    func open(_ wanted: Wanted, size: Int64? = nil) async throws -> Opened {
        do throws(BlobFailure) {
            switch try await store.open(wanted.key, size: size) {
            case .file(let file): return .file(try await openFile(file, wanted))
            case .stream(let blob):
                // Texts are small and may be compressed: they are waited for.
                if wanted.isText, let file = try await blob.file() { return .file(try await openFile(file, wanted)) }
                return .arriving(blob)
            }
        } catch {
            throw Self.said(error)
        }
    }

    private func openFile(_ file: SharedDescriptor, _ wanted: Wanted) async throws(BlobFailure) -> OpenFile {
        try await lanes.lane(for: wanted.key).run { () throws(BlobFailure) in
            do throws(Errno) {
                return try OpenFile(
                    file.descriptor.duplicate(), contentType: wanted.contentType, tag: wanted.tag,
                    fields: wanted.fields)
            } catch {
                throw BlobFailure(error, wanted.key.path)
            }
        }
    }

    private static func said(_ failure: BlobFailure) -> StreamFailure {
        switch failure.kind {
        case .absent: StreamFailure(.notFound, "There is no such part of this track.")
        case .refused where failure.cause == nil: StreamFailure(.notFound, "There is no such part of this track.")
        case .away, .full, .refused:
            StreamFailure(
                .away, "The store is temporarily unavailable. Retry the request.", cause: failure.message)
        }
    }

    // MARK: Answering

    func answer(_ opened: Opened, _ wanted: Wanted, _ request: Request) async throws -> Response {
        let packs = wanted.isText && AcceptEncoding.takesGzip(request.fields["accept-encoding"])
        switch opened {
        case .file(let file):
            if packs, file.size <= Self.textLimit {
                let bytes = try await lanes.lane(for: wanted.key).run { () throws(Errno) in
                    try file.descriptor.read(upTo: Int(file.size), at: 0)
                }
                if let packed = await packed(bytes, wanted, request) { return packed }
            }
            return bare(.file(file, for: request))
        case .arriving(let blob):
            if packs, blob.size <= Self.textLimit, let packed = await packed(try await whole(blob), wanted, request) {
                return packed
            }
            let fields = [("Content-Type", wanted.contentType)] + wanted.fields
            return bare(
                .representation(size: blob.size, tag: wanted.tag, fields: fields, for: request) { range in
                    .counted(Int64(range.count)) { writer in try await Self.copy(blob, range, to: writer) }
                })
        }
    }

    /// Another representation, so another tag (RFC 9110 §8.8.3). Ranges of it are nobody's wish.
    private func packed(_ bytes: [UInt8], _ wanted: Wanted, _ request: Request) async -> Response? {
        let tag = String(wanted.tag.dropLast()) + ".gz\""
        let fields = [("Content-Type", wanted.contentType)] + wanted.fields + [("ETag", tag)]
        if Conditional.isFresh(ifNoneMatch: request.fields["if-none-match"], tag: tag) {
            return bare(Response(status: 304, fields: fields.filter { $0.0 != "Content-Type" }))
        }
        let packed = await lanes.lane(for: wanted.key).run { Gzip.compress(bytes) }
        return packed.map {
            bare(Response(status: 200, fields: fields + [("Content-Encoding", "gzip")], body: .bytes($0)))
        }
    }

    private static func copy(_ blob: any ArrivingBlob, _ range: Range<Int64>, to writer: StreamWriter) async throws {
        guard !range.isEmpty else { return }
        let reader = try await blob.reader(range)
        while true {
            let bytes = try await reader.next()
            if bytes.isEmpty { return }
            try await writer.write(bytes)
        }
    }

    private func whole(_ blob: any ArrivingBlob) async throws -> [UInt8] {
        do throws(BlobFailure) {
            let reader = try await blob.reader(0..<blob.size)
            var bytes: [UInt8] = []
            while true {
                let piece = try await reader.next()
                if piece.isEmpty { return bytes }
                bytes += piece
            }
        } catch {
            throw Self.said(error)
        }
    }

    /// Without the fields that the layer outside adds.
    private func bare(_ response: Response) -> Response {
        var response = response
        response.fields.removeAll { field in configuration.openCORS.contains { $0.0 == field.0 } }
        return response
    }

    /// A playlist of six hours is 500 KB.
    private static var textLimit: Int64 { 4 << 20 }
}
