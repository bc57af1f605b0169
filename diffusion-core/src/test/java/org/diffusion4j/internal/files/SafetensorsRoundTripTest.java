package org.diffusion4j.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SafetensorsRoundTripTest {

  @Property(tries = 500)
  void read_whatWasWritten_hasShapeTypeAndValues(
      @ForAll TensorType type,
      @ForAll @Size(max = 4) int[] seeds,
      @ForAll boolean reversed,
      @ForAll @IntRange(max = 255) int start)
      throws IOException {
    long[] shape = IntStream.of(seeds).mapToLong(seed -> Math.floorMod(seed, 6)).toArray();
    INDArray array = array(type.dataType, shape, start);
    if (reversed && shape.length > 1) {
      array =
          array.permute(IntStream.range(0, shape.length).map(d -> shape.length - 1 - d).toArray());
    }
    Path file = Files.createTempFile("round-trip", ".safetensors");
    try {
      Safetensors.write(file, Map.of("name", array), Map.of("key", "value"));
      try (Safetensors tensors = Safetensors.open(file)) {
        INDArray read = tensors.read("name");

        assertThat(tensors.names()).containsExactly("name");
        assertThat(tensors.metadata()).containsExactly(Map.entry("key", "value"));
        assertThat(tensors.dtype("name")).isEqualTo(type.name());
        assertThat(tensors.shape("name")).isEqualTo(array.shape());
        assertThat(read.shape()).isEqualTo(array.shape());
        assertThat(read.dataType())
            .isEqualTo(
                type == TensorType.F16 || type == TensorType.BF16 ? DataType.FLOAT : type.dataType);
        if (array.length() > 0) {
          assertThat(values(read)).isEqualTo(values(array));
        }
      }
    } finally {
      Files.delete(file);
    }
  }

  private static INDArray array(DataType type, long[] shape, int start) {
    int length = (int) LongStream.of(shape).reduce(1, (a, b) -> a * b);
    if (length == 0) {
      return Nd4j.create(type, shape);
    }
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = type == DataType.BOOL ? (start + i) % 3 % 2 : (start + i) % 100;
    }
    return Nd4j.createFromArray(values).castTo(type).reshape('c', shape);
  }

  private static double[] values(INDArray array) {
    return array.castTo(DataType.DOUBLE).dup('c').data().asDouble();
  }
}
