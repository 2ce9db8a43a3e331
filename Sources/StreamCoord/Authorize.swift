package import Access
import Core
package import HTTPServer

/// Who asks. App supplies it, over keys and tokens; it throws where nobody is named.
package typealias Authorize = @Sendable (Request) async throws -> Principal

extension Principal {
    func mustHave(_ permission: Permission, or others: Permission...) throws(Refusal) {
        guard !has(permission), !others.contains(where: has) else { return }
        throw AccessFailure(.forbidden(permission)).refusal
    }
}
