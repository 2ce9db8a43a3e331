package import Core

/// How a refusal is written: the envelope of our own API, or problem+json where a standard asks for it.
package enum Problem {
    package static func envelope(_ refusal: Refusal, requestID: RequestID) -> Response {
        let body =
            "{\"success\":false,\"error\":{\"code\":\(quoted(refusal.code.rawValue)),\"message\":\(quoted(refusal.message)),"
            + "\"docs\":\(quoted(docs(refusal.code))),\"details\":[\(refusal.details.joined(separator: ","))]"
            + refusal.members.map { ",\(quoted($0)):\($1)" }.joined() + "},"
            + "\"requestId\":\(quoted(requestID.text))}"
        var response = Response.bytes(
            refusal.code.status, Array(body.utf8), type: "application/json", fields: refusal.fields)
        response.fault = refusal.fault
        return response
    }

    /// RFC 9457.
    package static func problemJSON(
        type: String = "about:blank", title: String, status: Int, detail: String? = nil, fields: [(String, String)] = []
    ) -> Response {
        let detail = detail.map { ",\"detail\":\(quoted($0))" } ?? ""
        let body = "{\"type\":\(quoted(type)),\"title\":\(quoted(title)),\"status\":\(status)\(detail)}"
        return .bytes(status, Array(body.utf8), type: "application/problem+json", fields: fields)
    }

    private static func docs(_ code: FailureCode) -> String {
        "docs/errors.md#\(code.rawValue)"
    }

    private static func quoted(_ text: String) -> String { JSON.string(text).text }
}
