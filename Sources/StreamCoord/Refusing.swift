import HTTPServer

/// Turns this room's failures into what is answered; everything else goes on to the layer outside.
func refusing(
    _ request: Request, _ handler: (Request) async throws -> Response
) async throws -> Response {
    do {
        return try await handler(request)
    } catch let failure as StreamFailure {
        throw failure.refusal
    }
}
