import Access
import Core
import HTTPServer
import Ledger

extension UploadRoutes {
    /// Around a file of the largest size a form has this much more.
    private static let formOverhead: Int64 = 1 << 20

    func simple(_ request: Request) async throws -> Response {
        let origin = Origin(principal: try await authorize(request, .uploadAudio), requestID: request.id)
        let type = request.fields["content-type"] ?? ""
        let row: UploadRow
        if type.lowercased().hasPrefix("multipart/") {
            row = try await form(request, type, origin)
        } else {
            row = try await raw(request, type, origin)
        }
        return Self.success(202, service.accepted(row), fields: Self.names(row))
    }

    private func raw(_ request: Request, _ type: String, _ origin: Origin) async throws -> UploadRow {
        let disposition = request.fields["content-disposition"].flatMap { ParameterizedField($0)?.filename }
        guard let name = request.query["filename"] ?? disposition else {
            throw IngestFailure(
                field: "The file name", value: "absent", expected: "?filename= or a Content-Disposition with a filename"
            )
        }
        let digest = try Self.digest(request)
        let body = service.bytes(of: request.body, for: origin.principal.tenant)
        let source: any ByteSource = digest.map { CheckedSource(body, $0) } ?? body
        return try await service.takeWhole(
            filename: name, contentType: type.isEmpty ? nil : type, length: request.body.length, from: source,
            origin: origin)
    }

    private func form(_ request: Request, _ type: String, _ origin: Origin) async throws -> UploadRow {
        if let length = request.body.length, length > service.limits.audioBytes + Self.formOverhead {
            throw IngestFailure(
                .tooLarge, "The form has \(length) bytes; a file may have \(service.limits.audioBytes).")
        }
        guard let reader = FormReader(service.bytes(of: request.body, for: origin.principal.tenant), contentType: type)
        else {
            throw IngestFailure(field: "Content-Type", value: type, expected: "multipart/form-data with a boundary")
        }
        let file = try await reader.file()
        guard let name = request.query["filename"] ?? file.filename else {
            throw IngestFailure(
                field: "The file name", value: "absent", expected: "a filename in the part `file`, or ?filename=")
        }
        return try await service.takeWhole(
            filename: name, contentType: file.contentType, length: nil, atMost: request.body.length, from: reader,
            origin: origin)
    }
}
