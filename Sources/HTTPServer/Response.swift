package import Core

/// What a handler answers: a value, so the head is written once whatever the handler does. `Content-Length`,
/// `Transfer-Encoding`, `Date` and `Connection` are the server's own.
package struct Response: Sendable {
    package enum Content: Sendable {
        case none
        case bytes([UInt8])
        /// A part of a file, sent by the kernel.
        case file(OpenFile, Range<Int64>)
        /// Of a known length, written piece by piece; one that ends short ends the connection.
        case counted(Int64, @Sendable (StreamWriter) async throws -> Void)
        /// Written piece by piece, chunked; the writer waits while the client does not take it.
        case stream(@Sendable (StreamWriter) async throws -> Void)
    }

    package var status: Int
    package var fields: [(String, String)]
    package var body: Content
    /// True for a stream that never ends by itself (events): it is cut when the server begins to drain.
    package var endsOnDrain = false
    /// Why this answer reports a failure of the service, for the log. Nil for every other answer.
    package var fault: String?

    package init(status: Int, fields: [(String, String)] = [], body: Content = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    package static func text(_ status: Int, _ text: String, fields: [(String, String)] = []) -> Response {
        bytes(status, Array(text.utf8), type: "text/plain; charset=utf-8", fields: fields)
    }

    package static func bytes(_ status: Int, _ bytes: [UInt8], type: String, fields: [(String, String)] = [])
        -> Response
    {
        Response(status: status, fields: [("Content-Type", type)] + fields, body: .bytes(bytes))
    }

    package static func json(_ status: Int, _ json: JSON, fields: [(String, String)] = []) -> Response {
        bytes(status, json.bytes, type: "application/json", fields: fields)
    }

    /// The first field of that name, without case.
    package subscript(_ name: String) -> String? {
        get { fields.first { Self.hasName($0, name) }?.1 }
        set {
            fields.removeAll { Self.hasName($0, name) }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    private static func hasName(_ field: (String, String), _ name: String) -> Bool {
        field.0.utf8.elementsEqual(name.utf8) { asciiLowercase($0) == asciiLowercase($1) }
    }
}
