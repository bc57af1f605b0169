package org.diffusion4j.backend.cpu;

import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Extracts the native libraries, so that the first start of an application need not: a program for
 * the build of a container's image.
 *
 * <pre>
 * java -Dorg.bytedeco.javacpp.cachedir=/app/natives -cp application.jar
 *     org.diffusion4j.backend.cpu.ExtractNatives
 * </pre>
 */
final class ExtractNatives {

  private ExtractNatives() {}

  /**
   * Extracts.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (INDArray one = Nd4j.ones(1)) {
      one.sumNumber();
      Loader.load(dnnl.class);
    }
  }
}
