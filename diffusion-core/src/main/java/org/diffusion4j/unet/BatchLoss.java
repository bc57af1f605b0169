package org.diffusion4j.unet;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A loss of a batch of outputs, for plans, which ask about samples, and for the session. */
interface BatchLoss {

  /** The loss of each sample, which add up to this. */
  OutputLoss bySample();

  /**
   * The loss of all samples.
   *
   * @param output in C order, of the type that the graph computes in
   * @param gradient receives the derivative of the loss by each value of the output
   */
  double of(INDArray output, INDArray gradient);

  static float[] floats(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** The sum of a loss over all samples. */
  static BatchLoss sum(OutputLoss loss) {
    return new BatchLoss() {
      @Override
      public OutputLoss bySample() {
        return loss;
      }

      @Override
      public double of(INDArray output, INDArray gradient) {
        int samples = Math.toIntExact(output.size(0));
        int length = Math.toIntExact(output.length() / samples);
        float[] outputs = floats(output);
        float[] gradients = new float[outputs.length];
        float[] y = new float[length];
        float[] dy = new float[length];
        double sum = 0;
        for (int i = 0; i < samples; i++) {
          System.arraycopy(outputs, i * length, y, 0, length);
          sum += loss.of(i, y, dy);
          System.arraycopy(dy, 0, gradients, i * length, length);
        }
        try (INDArray copy = Nd4j.create(gradients, output.shape(), 'c')) {
          gradient.assign(copy);
        }
        return sum;
      }
    };
  }
}
