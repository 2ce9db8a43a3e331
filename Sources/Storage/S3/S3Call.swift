internal import HTTPClient

/// One operation of the store's, before it is addressed and signed.
struct S3Call: Sendable {
    let method: String
    /// Nil is the bucket itself. With the store's prefix, as it is in the bucket.
    var path: String?
    var query: [(String, String?)] = []
    var fields: [(String, String)] = []
    var body = ClientRequest.Body.none
    /// Of the body, in hex; nil is an unsigned body.
    var payload: String? = SignatureV4.emptyHash
    /// For sentences: the key, or what is done.
    let name: String
    /// Answers besides 2xx that the caller reads himself.
    var accepted: Set<Int> = []
    var responseLimit = XMLElement.sizeLimit
    /// A 200 may hold an error: it is sent before the work is done.
    var mayFailLate = false
    /// Stores take long to put many parts together.
    var patience = 1
    var tries: Int?

    init(_ method: String, _ path: String?, name: String) {
        self.method = method
        self.path = path
        self.name = name
    }

    mutating func send(_ bytes: [UInt8], payload hash: String?) {
        body = .bytes(bytes)
        payload = hash
    }

    var byteCount: Int64 { body.count ?? 0 }
}
