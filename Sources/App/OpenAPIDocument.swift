import COpenAPI
import Core
import HTTPServer

/// The description of this API, served to everybody: openapi.yaml, as it was when the program was built.
enum OpenAPIDocument {
    static let bytes = Array(UnsafeBufferPointer(start: sluice_openapi(), count: sluice_openapi_length()))

    static func register(on router: inout Router) {
        router.on(.get, "/openapi.yaml") { _ in .bytes(200, bytes, type: "application/yaml") }
    }
}
