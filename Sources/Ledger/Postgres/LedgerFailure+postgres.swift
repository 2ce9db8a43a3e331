import CPostgres

extension LedgerFailure {
    /// What the server said of a statement, by its SQLSTATE (appendix A of PostgreSQL's manual).
    init(postgres result: OpaquePointer) {
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) } ?? ""
        let kind: Kind =
            switch state {
            // Serialisation, deadlock, a lock that was not given in time.
            case "40001", "40P01", "55P03": .raced
            case "23505": .conflict(.unique)
            case "25006", "42501": .readOnly
            case "53100": .full
            case "28000", "28P01", "3D000": .refused
            case "XX001", "XX002": .corrupt
            // Connections, resources, an operator's hand, the operating system.
            case _ where ["08", "53", "57", "58"].contains(state.prefix(2)): .unavailable
            default: .program
            }
        self.init(kind, "PostgreSQL: \(text) (\(state)).")
    }
}
