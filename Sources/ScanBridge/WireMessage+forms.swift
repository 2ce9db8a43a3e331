/// The messages there are, in the order of a scan's life:
///
///     scanner → service   ready | failed                         on the control socket, once
///     service → scanner   scan {size, deadline} + file + socket  on the control socket
///     scanner → service   started {pid} | refused                on the scan's own socket, as all that follows
///     service → child     go                                     only now is a byte parsed: the service knows whom to kill
///     child   → service   verdict | refused
///     scanner → service   ended {exit | signal}                  only with `exit 0` does the verdict count
extension WireMessage {
    package static let go = WireMessage("go")

    package static func failed(_ reason: String) -> WireMessage { WireMessage("failed", [("reason", capped(reason))]) }

    package static func refused(_ reason: String) -> WireMessage {
        WireMessage("refused", [("reason", capped(reason))])
    }

    package static func scan(size: Int64, deadline: Duration) -> WireMessage {
        WireMessage("scan", [("size", "\(size)"), ("deadline", "\(Int64(deadline / .milliseconds(1)))")])
    }

    package static func started(process: Int32) -> WireMessage { WireMessage("started", [("pid", "\(process)")]) }

    package static func ended(exit code: Int32) -> WireMessage { WireMessage("ended", [("exit", "\(code)")]) }

    package static func ended(signal: Int32) -> WireMessage { WireMessage("ended", [("signal", "\(signal)")]) }

    // MARK: Engine

    package static func ready(_ info: EngineInfo) -> WireMessage {
        var values = [
            ("engine", info.engine), ("database", info.database), ("signatures", "\(info.signatures)"),
            ("level", "\(info.level)"),
        ]
        if let builtAt = info.builtAt { values.append(("built", "\(builtAt)")) }
        return WireMessage("ready", values.map { (name: $0.0, value: $0.1) })
    }

    package var engineInfo: EngineInfo? {
        guard word == "ready", let engine = self["engine"], let database = self["database"],
            let signatures = number("signatures"), let level = number("level")
        else { return nil }
        return EngineInfo(
            engine: engine, database: database, signatures: Int(signatures), level: Int(level), builtAt: number("built")
        )
    }

    // MARK: Verdict

    package static func verdict(_ verdict: Verdict) -> WireMessage {
        var values: [(name: String, value: String)] = [("is", verdict.name)]
        values += verdict.signatures.prefix(32).map { ("signature", capped($0)) }
        if case .unscannable(let reason, _) = verdict { values.append(("reason", capped(reason))) }
        let evidence = verdict.evidence
        values += [
            ("engine", evidence.engine), ("database", evidence.database), ("scanned", "\(evidence.bytesScanned)"),
            ("milliseconds", "\(evidence.milliseconds)"),
        ]
        values += evidence.witnesses.map { ("witness", $0) }
        return WireMessage("verdict", values)
    }

    /// Nil where anything is missing or out of place: a verdict in doubt is none.
    package var verdict: Verdict? {
        guard word == "verdict", let engine = self["engine"], let database = self["database"],
            let scanned = number("scanned"), let milliseconds = number("milliseconds")
        else { return nil }
        let evidence = Evidence(
            engine: engine, database: database, bytesScanned: scanned, witnesses: all("witness"),
            milliseconds: milliseconds)
        let signatures = all("signature")
        switch self["is"] {
        case "clean": return signatures.isEmpty && self["reason"] == nil ? .clean(evidence) : nil
        case "infected": return signatures.isEmpty ? nil : .infected(signatures, evidence)
        case "suspicious": return signatures.isEmpty ? nil : .suspicious(signatures, evidence)
        case "unscannable": return self["reason"].map { .unscannable($0, evidence) }
        default: return nil
        }
    }

    private static func capped(_ text: String) -> String { String(text.prefix(200)) }
}
