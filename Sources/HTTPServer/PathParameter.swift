package import Core

/// What a piece of a path can be read as. A piece of the wrong form names nothing, so it is answered 404.
package protocol PathParameter {
    init?(pathParameter text: String)
}

extension String: PathParameter {
    package init?(pathParameter text: String) { self = text }
}

extension Int: PathParameter {
    /// Digits alone: `+1` and `01` are no second names of `1`.
    package init?(pathParameter text: String) {
        guard let number = Int(text), String(number) == text else { return nil }
        self = number
    }
}

extension Identifier {
    package init?(pathParameter text: String) { self.init(text) }
}

extension UploadID: PathParameter {}
extension TrackID: PathParameter {}
extension GenerationID: PathParameter {}
extension JobID: PathParameter {}
extension EventID: PathParameter {}
extension SessionID: PathParameter {}
extension KeyID: PathParameter {}
extension TenantID: PathParameter {}
