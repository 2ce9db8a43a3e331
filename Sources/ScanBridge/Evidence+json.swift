package import Core

extension Evidence {
    /// As it is kept with the track and shown outside.
    package var json: JSON {
        .object([
            ("engine", .string(engine)), ("database", .string(database)), ("bytesScanned", .integer(bytesScanned)),
            ("witnesses", .array(witnesses.map { .string($0) })), ("ms", .integer(milliseconds)),
        ])
    }
}

extension Verdict {
    /// `verdict`, `signatures` and `reason` where there are any, `engine`, `database`, and `evidence`.
    package var json: JSON {
        var members: [(String, JSON)] = [("verdict", .string(name))]
        if !signatures.isEmpty { members.append(("signatures", .array(signatures.map { .string($0) }))) }
        if let reason { members.append(("reason", .string(reason))) }
        // Callbacks and tracks say these beside the verdict.
        members += [("engine", .string(evidence.engine)), ("database", .string(evidence.database))]
        members.append(("evidence", evidence.json))
        return .object(members)
    }
}
