/// A request's method. Methods are case-sensitive tokens (RFC 9110 §9.1): `get` is some other method.
package enum Method: Hashable, Sendable {
    case get, head, post, put, patch, delete, options
    case other(String)

    package init(_ text: String) {
        switch text {
        case "GET": self = .get
        case "HEAD": self = .head
        case "POST": self = .post
        case "PUT": self = .put
        case "PATCH": self = .patch
        case "DELETE": self = .delete
        case "OPTIONS": self = .options
        default: self = .other(text)
        }
    }

    package var text: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let text): text
        }
    }

    /// For metrics and logs: one of a fixed set, whatever clients send.
    package var label: String {
        if case .other = self { "other" } else { text }
    }
}
