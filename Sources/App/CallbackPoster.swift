import Core
import HTTPClient
import StreamCoord

/// Carries callbacks: StreamCoord decides, this sends.
enum CallbackPoster {
    static func post(with client: HTTPClient) -> CallbackPost {
        { request in
            var outgoing = ClientRequest(method: "POST", url: request.url)
            outgoing.fields = request.fields
            outgoing.body = .bytes(request.body)
            outgoing.totalDeadline = .seconds(15)
            outgoing.responseLimit = 65_536
            do {
                let response = try await client.send(outgoing)
                return .status(response.status, retryAfter: response["retry-after"])
            } catch {
                return error.kind == .invalid ? .unsendable(error.message) : .unreachable(error.message)
            }
        }
    }
}
