import Access
package import Core
import HTTPServer
package import Ledger

extension UploadService {
    /// Around a file of the largest size a form has this much more.
    private static let formOverhead: Int64 = 1 << 20

    package func media(_ id: UploadID) async throws -> MediaRow? {
        try await ledger.read("media.find") { tx in try tx.media.find(id) }
    }

    /// The part `file` of a form.
    func takeMedia(_ request: Request, as use: MediaUse, from origin: Origin) async throws -> UploadRow {
        let type = request.fields["content-type"] ?? "absent"
        let limit = limits.bytes(of: use.kind)
        if let length = request.body.length, length > limit + Self.formOverhead {
            throw IngestFailure(
                .tooLarge,
                "The form has \(length) bytes; a file of this kind may have \(limit), by \(use.kind.setting).")
        }
        guard let reader = FormReader(bytes(of: request.body, for: origin.principal.tenant), contentType: type) else {
            throw IngestFailure(field: "Content-Type", value: type, expected: "multipart/form-data with a boundary")
        }
        let file = try await reader.file()
        guard let name = file.filename else {
            throw IngestFailure(field: "The file name", value: "absent", expected: "a filename in the part `file`")
        }
        return try await takeWhole(
            filename: name, contentType: file.contentType, length: nil, atMost: request.body.length, media: use,
            from: reader, origin: origin)
    }
}
