package org.diffusion4j.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HalvesTest {

  /** IEEE 754, binary16: 1 bit, 5 bits with bias 15, 10 bits. */
  private static float float16(int half) {
    int exponent = (half >> 10) & 31;
    double fraction = (half & 1023) / 1024.0;
    double size =
        exponent == 0 ? Math.scalb(fraction, -14) : Math.scalb(1 + fraction, exponent - 15);
    return (float) ((half & 0x8000) == 0 ? size : -size);
  }

  private static boolean isFinite(int half) {
    return ((half >> 10) & 31) != 31;
  }

  private static float[] all(Halves type) {
    float[] values = new float[1 << 16];
    for (int half = 0; half < values.length; half++) {
      values[half] =
          type == Halves.FLOAT16
              ? (isFinite(half) ? float16(half) : 0)
              : Float.intBitsToFloat((half & 0x7f80) == 0x7f80 ? 0 : half << 16);
    }
    return values;
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
    return bits;
  }

  private static float[] wideAgain(Halves type, float[] values) {
    IntBuffer words = IntBuffer.allocate(Math.toIntExact(Halves.words(values.length)));
    assertThat(type.narrow(FloatBuffer.wrap(values), words)).isTrue();
    try (var memory = new FloatPointer(values.length)) {
      long address = memory.address();
      FloatBuffer wide = Address.floats(address, values.length);
      type.widen(words, wide, Address.ints(address, values.length));
      float[] result = new float[values.length];
      wide.get(0, result);
      return result;
    }
  }

  @Test
  void widen_ofEveryFloat16_isItsValue() {
    float[] values = all(Halves.FLOAT16);
    assertThat(bits(wideAgain(Halves.FLOAT16, values))).isEqualTo(bits(values));
  }

  @Test
  void widen_ofEveryBfloat16_isItsValue() {
    float[] values = all(Halves.BFLOAT16);
    assertThat(bits(wideAgain(Halves.BFLOAT16, values))).isEqualTo(bits(values));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4095, 4096, 4097, 8193, 12288})
  void widen_ofAnyLength_givesAllValues(int length) {
    float[] values = Arrays.copyOfRange(all(Halves.FLOAT16), 9000, 9000 + length);
    assertThat(wideAgain(Halves.FLOAT16, values)).isEqualTo(values);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN})
  void narrow_ofWhatIsNotFinite_saysSo(float value) {
    FloatBuffer values = FloatBuffer.wrap(new float[] {1, value, 2});
    assertThat(Halves.FLOAT16.narrow(values, IntBuffer.allocate(2))).isFalse();
  }
}
