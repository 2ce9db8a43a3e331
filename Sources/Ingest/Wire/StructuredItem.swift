import Core

/// An Item of RFC 9651 as upload fields have it: an Integer or a Boolean, with parameters that nobody asked for. What is
/// not exactly that is nil.
enum StructuredItem: Equatable {
    case integer(Int64)
    case boolean(Bool)

    init?(_ text: String) {
        var scanner = FieldScanner(text)
        scanner.skipSpace()
        if scanner.skip("?") {
            if scanner.skip("1") {
                self = .boolean(true)
            } else if scanner.skip("0") {
                self = .boolean(false)
            } else {
                return nil
            }
        } else {
            // RFC 9651 §3.3.1: at most 15 digits; a sign of minus, which no field of ours may have.
            guard let digits = scanner.token(), digits.utf8.count <= 15, let number = wholeNumber(digits) else {
                return nil
            }
            self = .integer(number)
        }
        while scanner.skip(";") {
            scanner.skipSpace()
            guard let key = scanner.token(), let first = key.utf8.first, first == 0x2A || (0x61...0x7A).contains(first)
            else { return nil }
            guard scanner.skip("=") else { continue }
            if scanner.skip("?") {
                guard scanner.skip("0") || scanner.skip("1") else { return nil }
            } else if scanner.tokenOrQuoted() == nil {
                return nil
            }
        }
        scanner.skipSpace()
        guard scanner.isAtEnd else { return nil }
    }

    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
    var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
}
