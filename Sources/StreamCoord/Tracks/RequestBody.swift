package import Core
package import HTTPServer

/// A JSON object that a request brought, read member by member; a wrong one is named with what was expected.
package struct RequestBody {
    private let object: JSON

    /// An empty body is an empty object.
    package init(of request: Request, limit: Int = 65_536) async throws {
        let bytes: [UInt8]
        do throws(BodyFailure) {
            bytes = try await request.body.collect(limit: limit)
        } catch {
            throw StreamFailure(.invalidRequest, "The body cannot be read: \(error).")
        }
        guard !bytes.isEmpty else {
            object = .object([])
            return
        }
        do {
            object = try JSON.parse(request: bytes)
        } catch {
            throw StreamFailure(.invalidRequest, "The body is not JSON: \(error).")
        }
        guard object.members != nil else { throw StreamFailure(.invalidRequest, "The body is not a JSON object.") }
    }

    /// Nil where the member is missing or null.
    package subscript(_ name: String) -> JSON? { object[name].flatMap { $0.isNull ? nil : $0 } }

    package func value<T>(_ name: String, _ expected: String, _ read: (JSON) -> T?) throws -> T? {
        guard let json = self[name] else { return nil }
        guard let value = read(json) else { throw StreamFailure(.invalidRequest, "\(name) must be \(expected).") }
        return value
    }
}
