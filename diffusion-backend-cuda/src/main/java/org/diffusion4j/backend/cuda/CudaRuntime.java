package org.diffusion4j.backend.cuda;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cudart;

/** Lists the GPUs that NVIDIA's runtime library reports, without ND4J's native code. */
final class CudaRuntime {

  private static final int INSUFFICIENT_DRIVER = 35;
  private static final int NO_DEVICE = 100;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private CudaRuntime() {}

  /**
   * The devices that {@code CUDA_VISIBLE_DEVICES} leaves visible, possibly none.
   *
   * @throws CudaUnavailableException if the libraries do not load, report an error or do not answer
   */
  static List<CudaDevice> devices() throws CudaUnavailableException {
    return within(LIMIT, CudaRuntime::query);
  }

  /** The result of a query with a time limit, because a faulty driver may not respond. */
  static List<CudaDevice> within(Duration limit, Callable<List<CudaDevice>> question)
      throws CudaUnavailableException {
    FutureTask<List<CudaDevice>> query = new FutureTask<>(question);
    Thread thread = new Thread(query, "cuda-device-query");
    thread.setDaemon(true);
    thread.start();
    try {
      return query.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException hangs) {
      throw new CudaUnavailableException(
          "the NVIDIA driver did not answer within " + limit.toMillis() + " ms");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new CudaUnavailableException("the search for a GPU was interrupted");
    } catch (ExecutionException failed) {
      Throwable cause = failed.getCause() == null ? failed : failed.getCause();
      throw cause instanceof CudaUnavailableException known
          ? known
          : new CudaUnavailableException(loadFailure(cause));
    }
  }

  private static List<CudaDevice> query() throws CudaUnavailableException {
    int[] count = {0};
    int status = cudart.cudaGetDeviceCount(count);
    if (status == NO_DEVICE) {
      return List.of();
    }
    check(status);
    List<CudaDevice> devices = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      try (cudaDeviceProp device = new cudaDeviceProp()) {
        check(cudart.cudaGetDeviceProperties(device, i));
        devices.add(new CudaDevice(device.name().getString(), device.major(), device.minor()));
      }
    }
    return List.copyOf(devices);
  }

  private static void check(int status) throws CudaUnavailableException {
    if (status != 0) {
      throw new CudaUnavailableException(
          statusReason(status, cudart.cudaGetErrorString(status).getString()));
    }
  }

  /** A description of a status of the runtime other than success. */
  static String statusReason(int status, String text) {
    return status == INSUFFICIENT_DRIVER
        ? "the NVIDIA driver is missing or too old for CUDA 11.6"
        : "CUDA reports error " + status + " (" + text + ")";
  }

  /** The reason why the runtime library could not be loaded, from the innermost cause. */
  static String loadFailure(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String text = String.valueOf(root.getMessage());
    return text.contains("libcuda.so.1") || text.contains("nvcuda.dll")
        ? "no NVIDIA driver was found"
        : "the CUDA libraries do not load (" + text.lines().findFirst().orElse("") + ")";
  }
}
