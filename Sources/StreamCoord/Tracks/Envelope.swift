package import Core
package import HTTPServer

/// The form of our API's answers (contracts §2).
extension Response {
    package static func data(_ status: Int, _ data: JSON, pagination: JSON? = nil) -> Response {
        var members: [(String, JSON)] = [("success", true), ("data", data)]
        if let pagination { members.append(("pagination", pagination)) }
        return .json(status, .object(members))
    }
}
