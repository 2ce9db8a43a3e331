/// The fields of an answer, in their order.
package struct ClientFields: Sendable, Sequence {
    private(set) var pairs: [(String, String)] = []

    package init(_ pairs: [(String, String)] = []) { self.pairs = pairs }

    package func makeIterator() -> IndexingIterator<[(String, String)]> { pairs.makeIterator() }

    /// The first of that name.
    package subscript(_ name: String) -> String? {
        let name = name.lowercased()
        return pairs.first { $0.0.lowercased() == name }?.1
    }

    mutating func append(_ name: String, _ value: String) { pairs.append((name, value)) }
}

package struct ClientResponse: Sendable {
    package let status: Int
    package let fields: ClientFields
    package let body: [UInt8]

    package init(status: Int, fields: ClientFields, body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    package var isSuccess: Bool { (200..<300).contains(status) }
}
