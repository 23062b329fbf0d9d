/** All shader sources by file name. One line a file; tools/check-shaders compares with the folder. */
import activation from './activation.wgsl' with { type: 'text' };
import activationGrad from './activation_grad.wgsl' with { type: 'text' };
import activationStats from './activation_stats.wgsl' with { type: 'text' };
import adamUpdate from './adam_update.wgsl' with { type: 'text' };
import add from './add.wgsl' with { type: 'text' };
import addPositions from './add_positions.wgsl' with { type: 'text' };
import attentionMix from './attention_mix.wgsl' with { type: 'text' };
import attentionScores from './attention_scores.wgsl' with { type: 'text' };
import avgPool from './avg_pool.wgsl' with { type: 'text' };
import avgPoolGrad from './avg_pool_grad.wgsl' with { type: 'text' };
import batchRows from './batch_rows.wgsl' with { type: 'text' };
import batchStats from './batch_stats.wgsl' with { type: 'text' };
import blend from './blend.wgsl' with { type: 'text' };
import blendGradGate from './blend_grad_gate.wgsl' with { type: 'text' };
import blendGradHost from './blend_grad_host.wgsl' with { type: 'text' };
import blendGradSeed from './blend_grad_seed.wgsl' with { type: 'text' };
import channelStats from './channel_stats.wgsl' with { type: 'text' };
import concat from './concat.wgsl' with { type: 'text' };
import conv2d from './conv2d.wgsl' with { type: 'text' };
import conv2dGradInput from './conv2d_grad_input.wgsl' with { type: 'text' };
import conv2dGradInputShared from './conv2d_grad_input_shared.wgsl' with { type: 'text' };
import conv2dGradWeight from './conv2d_grad_weight.wgsl' with { type: 'text' };
import conv2dGradWeightShared from './conv2d_grad_weight_shared.wgsl' with { type: 'text' };
import conv2dGrouped from './conv2d_grouped.wgsl' with { type: 'text' };
import conv2dGroupedGradInput from './conv2d_grouped_grad_input.wgsl' with { type: 'text' };
import conv2dGroupedGradWeight from './conv2d_grouped_grad_weight.wgsl' with { type: 'text' };
import conv2dShared from './conv2d_shared.wgsl' with { type: 'text' };
import dropout from './dropout.wgsl' with { type: 'text' };
import embedding from './embedding.wgsl' with { type: 'text' };
import embeddingGrad from './embedding_grad.wgsl' with { type: 'text' };
import gatherBatch from './gather_batch.wgsl' with { type: 'text' };
import gatherPart from './gather_part.wgsl' with { type: 'text' };
import globalAvgPool from './global_avg_pool.wgsl' with { type: 'text' };
import globalAvgPoolGrad from './global_avg_pool_grad.wgsl' with { type: 'text' };
import gradientNorm from './gradient_norm.wgsl' with { type: 'text' };
import gradientNormPartial from './gradient_norm_partial.wgsl' with { type: 'text' };
import gradientStats from './gradient_stats.wgsl' with { type: 'text' };
import groupGradStats from './group_grad_stats.wgsl' with { type: 'text' };
import groupStats from './group_stats.wgsl' with { type: 'text' };
import guard from './guard.wgsl' with { type: 'text' };
import joinBatches from './join_batches.wgsl' with { type: 'text' };
import activationLib from './lib/activation.wgsl' with { type: 'text' };
import classRowLib from './lib/class_row.wgsl' with { type: 'text' };
import controlLib from './lib/control.wgsl' with { type: 'text' };
import finiteLib from './lib/finite.wgsl' with { type: 'text' };
import groupChannelsLib from './lib/group_channels.wgsl' with { type: 'text' };
import groupedWindowLib from './lib/grouped_window.wgsl' with { type: 'text' };
import linearEpilogueLib from './lib/linear_epilogue.wgsl' with { type: 'text' };
import linearGradInputEpilogueLib from './lib/linear_grad_input_epilogue.wgsl' with {
  type: 'text',
};
import linearGradWeightEpilogueLib from './lib/linear_grad_weight_epilogue.wgsl' with {
  type: 'text',
};
import metricsLib from './lib/metrics.wgsl' with { type: 'text' };
import momentsLib from './lib/moments.wgsl' with { type: 'text' };
import operandLib from './lib/operand.wgsl' with { type: 'text' };
import optimizerLib from './lib/optimizer.wgsl' with { type: 'text' };
import permutationLib from './lib/permutation.wgsl' with { type: 'text' };
import philoxLib from './lib/philox.wgsl' with { type: 'text' };
import reduceLib from './lib/reduce.wgsl' with { type: 'text' };
import sliceProductLib from './lib/slice_product.wgsl' with { type: 'text' };
import sumPartLib from './lib/sum_part.wgsl' with { type: 'text' };
import tokenLib from './lib/token.wgsl' with { type: 'text' };
import linear from './linear.wgsl' with { type: 'text' };
import linearCompact from './linear_compact.wgsl' with { type: 'text' };
import linearCrossEntropy from './linear_cross_entropy.wgsl' with { type: 'text' };
import linearCrossEntropyCompact from './linear_cross_entropy_compact.wgsl' with { type: 'text' };
import linearGradInput from './linear_grad_input.wgsl' with { type: 'text' };
import linearGradInputCompact from './linear_grad_input_compact.wgsl' with { type: 'text' };
import linearGradInputShared from './linear_grad_input_shared.wgsl' with { type: 'text' };
import linearGradWeight from './linear_grad_weight.wgsl' with { type: 'text' };
import linearGradWeightCompact from './linear_grad_weight_compact.wgsl' with { type: 'text' };
import linearGradWeightShared from './linear_grad_weight_shared.wgsl' with { type: 'text' };
import linearShared from './linear_shared.wgsl' with { type: 'text' };
import maxPool from './max_pool.wgsl' with { type: 'text' };
import maxPoolGrad from './max_pool_grad.wgsl' with { type: 'text' };
import metricsReduce from './metrics_reduce.wgsl' with { type: 'text' };
import mixLosses from './mix_losses.wgsl' with { type: 'text' };
import mse from './mse.wgsl' with { type: 'text' };
import mul from './mul.wgsl' with { type: 'text' };
import nextTokens from './next_tokens.wgsl' with { type: 'text' };
import normalize from './normalize.wgsl' with { type: 'text' };
import normalizeGradAffine from './normalize_grad_affine.wgsl' with { type: 'text' };
import normalizeGradInput from './normalize_grad_input.wgsl' with { type: 'text' };
import padAxis from './pad_axis.wgsl' with { type: 'text' };
import reduceAffine from './reduce_affine.wgsl' with { type: 'text' };
import reducePartials from './reduce_partials.wgsl' with { type: 'text' };
import repeatPositions from './repeat_positions.wgsl' with { type: 'text' };
import reshape from './reshape.wgsl' with { type: 'text' };
import runningStats from './running_stats.wgsl' with { type: 'text' };
import scale from './scale.wgsl' with { type: 'text' };
import scaleAlpha from './scale_alpha.wgsl' with { type: 'text' };
import sgdUpdate from './sgd_update.wgsl' with { type: 'text' };
import slice from './slice.wgsl' with { type: 'text' };
import softmax from './softmax.wgsl' with { type: 'text' };
import softmaxCrossEntropy from './softmax_cross_entropy.wgsl' with { type: 'text' };
import softmaxGrad from './softmax_grad.wgsl' with { type: 'text' };
import sumBatch from './sum_batch.wgsl' with { type: 'text' };
import sumParts from './sum_parts.wgsl' with { type: 'text' };
import sumPositions from './sum_positions.wgsl' with { type: 'text' };
import tokenIndex from './token_index.wgsl' with { type: 'text' };
import transpose from './transpose.wgsl' with { type: 'text' };

export const SHADERS: Readonly<Record<string, string>> = {
  'lib/activation.wgsl': activationLib,
  'lib/class_row.wgsl': classRowLib,
  'lib/control.wgsl': controlLib,
  'lib/finite.wgsl': finiteLib,
  'lib/group_channels.wgsl': groupChannelsLib,
  'lib/grouped_window.wgsl': groupedWindowLib,
  'lib/linear_epilogue.wgsl': linearEpilogueLib,
  'lib/linear_grad_input_epilogue.wgsl': linearGradInputEpilogueLib,
  'lib/linear_grad_weight_epilogue.wgsl': linearGradWeightEpilogueLib,
  'lib/metrics.wgsl': metricsLib,
  'lib/moments.wgsl': momentsLib,
  'lib/operand.wgsl': operandLib,
  'lib/optimizer.wgsl': optimizerLib,
  'lib/permutation.wgsl': permutationLib,
  'lib/philox.wgsl': philoxLib,
  'lib/reduce.wgsl': reduceLib,
  'lib/slice_product.wgsl': sliceProductLib,
  'lib/sum_part.wgsl': sumPartLib,
  'lib/token.wgsl': tokenLib,
  'activation.wgsl': activation,
  'activation_grad.wgsl': activationGrad,
  'activation_stats.wgsl': activationStats,
  'adam_update.wgsl': adamUpdate,
  'add.wgsl': add,
  'add_positions.wgsl': addPositions,
  'attention_mix.wgsl': attentionMix,
  'attention_scores.wgsl': attentionScores,
  'avg_pool.wgsl': avgPool,
  'avg_pool_grad.wgsl': avgPoolGrad,
  'batch_rows.wgsl': batchRows,
  'batch_stats.wgsl': batchStats,
  'blend.wgsl': blend,
  'blend_grad_gate.wgsl': blendGradGate,
  'blend_grad_host.wgsl': blendGradHost,
  'blend_grad_seed.wgsl': blendGradSeed,
  'channel_stats.wgsl': channelStats,
  'concat.wgsl': concat,
  'conv2d.wgsl': conv2d,
  'conv2d_shared.wgsl': conv2dShared,
  'conv2d_grad_input.wgsl': conv2dGradInput,
  'conv2d_grad_input_shared.wgsl': conv2dGradInputShared,
  'conv2d_grad_weight.wgsl': conv2dGradWeight,
  'conv2d_grad_weight_shared.wgsl': conv2dGradWeightShared,
  'conv2d_grouped.wgsl': conv2dGrouped,
  'conv2d_grouped_grad_input.wgsl': conv2dGroupedGradInput,
  'conv2d_grouped_grad_weight.wgsl': conv2dGroupedGradWeight,
  'dropout.wgsl': dropout,
  'embedding.wgsl': embedding,
  'embedding_grad.wgsl': embeddingGrad,
  'gather_batch.wgsl': gatherBatch,
  'gather_part.wgsl': gatherPart,
  'global_avg_pool.wgsl': globalAvgPool,
  'global_avg_pool_grad.wgsl': globalAvgPoolGrad,
  'gradient_norm.wgsl': gradientNorm,
  'gradient_norm_partial.wgsl': gradientNormPartial,
  'gradient_stats.wgsl': gradientStats,
  'group_grad_stats.wgsl': groupGradStats,
  'group_stats.wgsl': groupStats,
  'guard.wgsl': guard,
  'join_batches.wgsl': joinBatches,
  'linear.wgsl': linear,
  'linear_compact.wgsl': linearCompact,
  'linear_shared.wgsl': linearShared,
  'linear_cross_entropy.wgsl': linearCrossEntropy,
  'linear_cross_entropy_compact.wgsl': linearCrossEntropyCompact,
  'linear_grad_input.wgsl': linearGradInput,
  'linear_grad_input_compact.wgsl': linearGradInputCompact,
  'linear_grad_input_shared.wgsl': linearGradInputShared,
  'linear_grad_weight.wgsl': linearGradWeight,
  'linear_grad_weight_compact.wgsl': linearGradWeightCompact,
  'linear_grad_weight_shared.wgsl': linearGradWeightShared,
  'max_pool.wgsl': maxPool,
  'max_pool_grad.wgsl': maxPoolGrad,
  'metrics_reduce.wgsl': metricsReduce,
  'mix_losses.wgsl': mixLosses,
  'mse.wgsl': mse,
  'mul.wgsl': mul,
  'next_tokens.wgsl': nextTokens,
  'normalize.wgsl': normalize,
  'normalize_grad_affine.wgsl': normalizeGradAffine,
  'normalize_grad_input.wgsl': normalizeGradInput,
  'pad_axis.wgsl': padAxis,
  'reduce_affine.wgsl': reduceAffine,
  'reduce_partials.wgsl': reducePartials,
  'repeat_positions.wgsl': repeatPositions,
  'reshape.wgsl': reshape,
  'running_stats.wgsl': runningStats,
  'scale.wgsl': scale,
  'scale_alpha.wgsl': scaleAlpha,
  'sgd_update.wgsl': sgdUpdate,
  'slice.wgsl': slice,
  'softmax.wgsl': softmax,
  'softmax_cross_entropy.wgsl': softmaxCrossEntropy,
  'softmax_grad.wgsl': softmaxGrad,
  'sum_batch.wgsl': sumBatch,
  'sum_parts.wgsl': sumParts,
  'sum_positions.wgsl': sumPositions,
  'token_index.wgsl': tokenIndex,
  'transpose.wgsl': transpose,
};
