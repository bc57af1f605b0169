package org.diffusion4j.text;

import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Sampler;
import org.jspecify.annotations.Nullable;

/**
 * The settings of an {@link ImageRequest}, which documents them. Changed only by its builder, which
 * gives a copy to the request.
 */
final class ImageSettings implements Cloneable {

  final List<String> prompts;
  List<String> secondPrompts = List.of();
  List<String> negativePrompts = List.of();
  List<String> secondNegativePrompts = List.of();
  int imagesPerPrompt = 1;
  int batchSize = 4;
  OptionalDouble guidanceScale = OptionalDouble.empty();
  OptionalDouble imageGuidanceScale = OptionalDouble.empty();
  double guidanceRescale;
  @Nullable Sampler sampler;
  OptionalInt steps = OptionalInt.empty();
  int clipSkip;
  int @Nullable [] size;
  int @Nullable [] originalSize;
  int[] cropTopLeft = {0, 0};
  int @Nullable [] targetSize;
  @Nullable Pixels images;
  @Nullable Pixels masks;
  OptionalDouble strength = OptionalDouble.empty();
  OptionalInt noiseLevel = OptionalInt.empty();
  boolean tiled;
  ImageRequest.Listener listener = (step, previews) -> {};
  CancelToken cancelToken = new CancelToken();

  ImageSettings(List<String> prompts) {
    this.prompts = prompts;
  }

  ImageSettings copy() {
    try {
      return (ImageSettings) clone();
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException(e);
    }
  }

  int count() {
    return prompts.size() * imagesPerPrompt;
  }

  /** The text of a picture. */
  String prompt(int picture) {
    return prompts.get(picture / imagesPerPrompt);
  }

  /** The text of a picture for the second encoder. */
  String secondPrompt(int picture) {
    return secondPrompts.isEmpty() ? prompt(picture) : of(secondPrompts, picture);
  }

  boolean hasNoNegativePrompts() {
    return negativePrompts.isEmpty() && secondNegativePrompts.isEmpty();
  }

  /** The negative text of a picture, or null. */
  @Nullable String negativePrompt(int picture) {
    return negativePrompts.isEmpty() ? null : of(negativePrompts, picture);
  }

  /** The negative text of a picture for the second encoder, or null. */
  @Nullable String secondNegativePrompt(int picture) {
    return secondNegativePrompts.isEmpty()
        ? negativePrompt(picture)
        : of(secondNegativePrompts, picture);
  }

  private String of(List<String> texts, int picture) {
    return texts.get(texts.size() == 1 ? 0 : picture / imagesPerPrompt);
  }
}
