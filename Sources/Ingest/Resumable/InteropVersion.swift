import Core
import HTTPServer

/// The forms in which clients of resumable uploads speak (draft-ietf-httpbis-resumable-upload): 3 of iOS 17, 5 of 18.0, 6
/// of 18.1, 8 of 26, 7 and 9 of other libraries; the RFC has no version field.
enum InteropVersion: String, Sendable, CaseIterable {
    case three = "3"
    case five = "5"
    case six = "6"
    case seven = "7"
    case eight = "8"
    case nine = "9"
    case rfc = ""

    private static let name = "Upload-Draft-Interop-Version"

    /// Nil where nothing says that this protocol is spoken. A version nobody knows is read as the RFC's form, and not
    /// echoed: that is how a client finds out.
    init?(_ fields: Fields, type: String?) {
        if let text = fields[Self.name] {
            self = StructuredItem(text)?.integer.flatMap { InteropVersion(rawValue: String($0)) } ?? .rfc
        } else if fields.contains("upload-complete") || type == "application/partial-upload" {
            self = .rfc
        } else if fields.contains("upload-incomplete") {
            self = .three
        } else {
            return nil
        }
    }

    /// Interim and final answers bear the version that the client speaks, or none.
    var echo: [(String, String)] { self == .rfc ? [] : [(Self.name, rawValue)] }

    /// Version 3 says the opposite.
    func complete(_ isComplete: Bool) -> (String, String) {
        self == .three
            ? ("Upload-Incomplete", isComplete ? "?0" : "?1") : ("Upload-Complete", isComplete ? "?1" : "?0")
    }

    /// What the request says: does its body complete the upload? Nil where it says nothing.
    func isLast(_ fields: Fields) throws(IngestFailure) -> Bool? {
        let name = self == .three ? "Upload-Incomplete" : "Upload-Complete"
        guard let text = fields[name] else { return nil }
        guard let value = StructuredItem(text)?.boolean else {
            throw IngestFailure(field: name, value: text, expected: "?0 or ?1")
        }
        return self == .three ? !value : value
    }

    /// Since draft 04 a PATCH says what it brings.
    var wantsMediaType: Bool { self != .three && self != .five }

    /// Until draft 03 what was appended without an end was answered 201.
    var appendedStatus: Int { wantsMediaType ? 204 : 201 }

    func number(_ name: String, _ fields: Fields) throws(IngestFailure) -> Int64? {
        guard let text = fields[name] else { return nil }
        guard let number = StructuredItem(text)?.integer else {
            throw IngestFailure(field: name, value: text, expected: "a whole number of bytes from 0")
        }
        return number
    }

    /// RFC 9457, with the problem types that the draft registers. Only a failure of the upload itself, not of its file,
    /// says that the upload is incomplete.
    func answer(to error: any Error, of request: Request) -> Response {
        let refusal = FileRoutes.refusal(of: error)
        var problem = Self.Problem(
            type: "about:blank", title: refusal.code.rawValue, status: refusal.code.status, detail: refusal.message)
        var fields = echo + refusal.fields.filter { $0.0 != "Upload-Offset" }
        var isComplete = (error as? IngestFailure)?.isOfComplete ?? false
        switch (error as? IngestFailure)?.kind {
        case .offsetMismatch(let expected, let given):
            problem.type = Self.types + "mismatching-upload-offset"
            problem.title = "offset from request does not match offset of resource"
            problem.offsets = (expected, given)
            fields.append(("Upload-Offset", String(expected)))
        case .inconsistentLength, .incomplete:
            problem.type = Self.types + "inconsistent-upload-length"
            problem.title = "inconsistent length values for upload"
            problem.status = 400
        case .tooLong:
            problem.type = Self.types + "inconsistent-upload-length"
            problem.title = "inconsistent length values for upload"
            problem.status = 400
        case .completed:
            problem.type = Self.types + "completed-upload"
            problem.title = "upload is already completed"
            problem.status = 400
            isComplete = true
        case .digestMismatch: isComplete = true
        default: break
        }
        fields.append(complete(isComplete))
        return .bytes(
            problem.status, problem.json.bytes, type: "application/problem+json",
            fields: fields + [("Cache-Control", "no-store")])
    }

    private static let types = "https://iana.org/assignments/http-problem-types#"

    private struct Problem {
        var type: String
        var title: String
        var status: Int
        var detail: String
        var offsets: (expected: Int64, given: Int64)?

        var json: JSON {
            var pairs: [(String, JSON)] = [
                ("type", .string(type)), ("title", .string(title)), ("status", .integer(Int64(status))),
                ("detail", .string(detail)),
            ]
            if let offsets {
                pairs.append(("expected-offset", .integer(offsets.expected)))
                pairs.append(("provided-offset", .integer(offsets.given)))
            }
            return .object(pairs)
        }
    }
}
