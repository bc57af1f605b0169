package org.diffusion4j.backend.cuda;

/** Signals that CUDA's runtime cannot be used; the message is the reason, a clause. */
final class CudaUnavailableException extends Exception {

  private static final long serialVersionUID = 1L;

  CudaUnavailableException(String reason) {
    super(reason);
  }
}
