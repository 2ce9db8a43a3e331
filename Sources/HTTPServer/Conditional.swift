/// The conditions a request puts on a representation with a strong entity tag (RFC 9110 §13).
package enum Conditional {
    /// Weak comparison, over a list: whether the client has it already, which is 304.
    package static func isFresh(ifNoneMatch field: String?, tag: String) -> Bool {
        guard let field else { return false }
        if Substring(field).trimmed == "*" { return true }
        return tags(in: field).contains { $0.opaque == tag }
    }

    /// Strong comparison: whether the range is of what we have. A date is never strong enough here, for we send no
    /// Last-Modified.
    package static func rangeApplies(ifRange field: String?, tag: String) -> Bool {
        guard let field else { return true }
        return Substring(field).trimmed == tag
    }

    /// A comma may stand inside a tag, so the list is read quote by quote.
    private static func tags(in field: String) -> [(isWeak: Bool, opaque: String)] {
        var found: [(Bool, String)] = []
        var rest = field[...]
        while let open = rest.firstIndex(of: "\"") {
            let isWeak = rest[..<open].hasSuffix("W/")
            let inside = rest[rest.index(after: open)...]
            guard let close = inside.firstIndex(of: "\"") else { break }
            found.append((isWeak, String(rest[open...close])))
            rest = rest[rest.index(after: close)...]
        }
        return found
    }
}

extension Response {
    /// The answer to a GET or HEAD of `file`: 200, 206, 304 or 416, as conditions and range say. Quick and ordinary
    /// deliveries answer alike.
    package static func file(_ file: OpenFile, for request: Request, fields: [(String, String)] = []) -> Response {
        representation(size: file.size, tag: file.tag, fields: file.fields + fields, for: request) { range in
            .file(file, range)
        }
    }

    /// The same for bytes that are no file: `body` makes what is sent of them. `fields` name their type.
    package static func representation(
        size: Int64, tag: String, fields: [(String, String)], for request: Request, body: (Range<Int64>) -> Content
    ) -> Response {
        let fields = fields + [("ETag", tag), ("Accept-Ranges", "bytes")]
        if Conditional.isFresh(ifNoneMatch: request.fields["if-none-match"], tag: tag) {
            // A 304 carries what a cache refreshes, not what describes the bytes it already has.
            return Response(status: 304, fields: fields.filter { $0.0.lowercased() != "content-type" })
        }
        let asked = Conditional.rangeApplies(ifRange: request.fields["if-range"], tag: tag)
        // A range belongs to GET alone: HEAD answers as a GET without one (RFC 9110 §14.2).
        switch RangeRequest(asked && request.method == .get ? request.fields["range"] : nil, size: size) {
        case .whole:
            return Response(status: 200, fields: fields, body: body(0..<size))
        case .part(let range):
            let span = ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            return Response(status: 206, fields: fields + [span], body: body(range))
        case .unsatisfiable:
            let kept = fields.filter { $0.0.lowercased() != "content-type" }
            return Response(status: 416, fields: kept + [("Content-Range", "bytes */\(size)")])
        }
    }
}
