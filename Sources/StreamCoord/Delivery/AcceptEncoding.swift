/// Whether a client takes gzip (RFC 9110 §12.5.3): named, or meant by `*`, and not at a quality of 0.
enum AcceptEncoding {
    static func takesGzip(_ field: String?) -> Bool {
        guard let field else { return false }
        var any = false
        for item in field.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let coding = parts.first else { continue }
            let isWanted = !parts.dropFirst().contains { part in
                part.hasPrefix("q=") && (Double(part.dropFirst(2)) ?? 0) <= 0
            }
            if coding == "gzip" || coding == "x-gzip" { return isWanted }
            if coding == "*" { any = isWanted }
        }
        return any
    }
}
