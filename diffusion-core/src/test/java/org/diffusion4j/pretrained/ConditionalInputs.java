package org.diffusion4j.pretrained;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The inputs of a reference case of a conditional U-Net.
 *
 * @param pictures the number of channels of the condition's pictures
 */
public record ConditionalInputs(INDArray x, INDArray t, Condition condition, int pictures) {

  /**
   * The inputs in a case's arrays.
   *
   * @param channels of a sample; what the case's x has besides are pictures
   */
  public static ConditionalInputs of(Map<String, INDArray> io, int channels) {
    INDArray all = io.get("x");
    int pictures = (int) all.size(1) - channels;
    INDArray t = io.get("t").castTo(DataType.FLOAT);
    if (t.length() == 1) {
      t = Nd4j.valueArrayOf(new long[] {all.size(0)}, t.getDouble(0), DataType.FLOAT);
    }
    Condition condition =
        pictures == 0
            ? condition(io)
            : Condition.several(
                condition(io), Condition.pictures(channels(all, channels, channels + pictures)));
    return new ConditionalInputs(channels(all, 0, channels), t, condition, pictures);
  }

  /** The architecture for a case's sizes and inputs. */
  public static UNet2DConditionModel.Config config(
      UNet2DConditionModel.Config config, Map<String, INDArray> io) {
    INDArray x = io.get("x");
    return config
        .withSize((int) x.size(2), (int) x.size(3))
        .withTokens((int) io.get("encoder_hidden_states").size(1))
        .withTokenMask(io.containsKey("encoder_attention_mask"))
        .withResiduals(io.containsKey("mid_residual"));
  }

  private static INDArray channels(INDArray images, int from, int to) {
    return images.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup('c');
  }

  private static Condition condition(Map<String, INDArray> io) {
    List<Condition> parts = new ArrayList<>();
    INDArray mask = io.get("encoder_attention_mask");
    parts.add(
        Condition.embeddings(
            io.get("encoder_hidden_states"),
            mask == null ? null : mask.castTo(DataType.FLOAT),
            io.get("text_embeds")));
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    io.forEach(
        (name, array) -> {
          if (Set.of("time_ids", "timestep_cond", "mid_residual").contains(name)
              || name.startsWith("down_residual.")) {
            inputs.put(name, array);
          }
        });
    INDArray labels = io.get("class_labels");
    if (labels != null && labels.rank() == 2) {
      inputs.put("class_labels", labels);
    } else if (labels != null) {
      parts.add(Condition.labels(labels.toIntVector()));
    }
    if (!inputs.isEmpty()) {
      parts.add(Condition.inputs(inputs));
    }
    return Condition.several(parts);
  }
}
