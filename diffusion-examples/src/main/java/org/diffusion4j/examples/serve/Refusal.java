package org.diffusion4j.examples.serve;

/** A request that is not fulfilled: a status of HTTP and a sentence for whoever asked. */
final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  static final int BAD_REQUEST = 400;
  static final int FORBIDDEN = 403;
  static final int NOT_FOUND = 404;
  static final int METHOD_NOT_ALLOWED = 405;
  static final int NOT_ACCEPTABLE = 406;
  static final int TOO_LARGE = 413;
  static final int UNSUPPORTED_TYPE = 415;
  static final int TOO_MANY = 429;
  static final int FAILED = 500;
  static final int UNAVAILABLE = 503;

  private final int status;

  Refusal(int status, String sentence) {
    // Refusals are answers, not errors: they need no stack trace.
    super(sentence, null, false, false);
    this.status = status;
  }

  static Refusal badRequest(String sentence) {
    return new Refusal(BAD_REQUEST, sentence);
  }

  int status() {
    return status;
  }

  String sentence() {
    return String.valueOf(getMessage());
  }
}
