"""Small networks of one operator, a line each; read in Python 3.8 too.

    operator | inputs | attributes

An input is its shape, with letters before it: w a weight, p positive numbers, u numbers between -0.9 and
0.9, i whole numbers below the one behind `<`, o ones and zeros, t what is true, l lengths below the number,
d an array of int32; the others are in `program.KINDS`. Operators that differ in nothing but their names
share a line.
"""

_UNARY = """
abs arctan arcsinh cbrt ceil cos cosh degrees erf exp expm1 fix floor logical_not negative radians relu rint
round sigmoid sign sin sinh softsign square tan tanh trunc ones_like zeros_like shape_array size_array
BlockGrad _copy make_loss MakeLoss Flatten softmax log_softmax softmin SoftmaxActivation hard_sigmoid
_contrib_div_sqrt_dim _contrib_round_ste _contrib_sign_ste argmax_channel _contrib_gradientmultiplier
_contrib_quadratic transpose Dropout _CrossDeviceCopy sort argsort
max mean min nanprod nansum norm prod sum argmax argmin smooth_l1 all_finite
_npi_absolute _npi_arcsinh _npi_arctan _npi_cbrt _npi_ceil _npi_cos _npi_cosh _npi_degrees _npi_exp _npi_expm1
_npi_fix _npi_floor _npi_isfinite _npi_isinf _npi_isnan _npi_isneginf _npi_isposinf _npi_logical_not
_npi_negative _npi_radians _npi_rint _npi_sign _npi_sin _npi_sinh _npi_square _npi_tan _npi_tanh _npi_trunc
_npi_around _npx_relu _npx_sigmoid _np_copy _np_max _np_min _np_prod _np_sum _np_transpose _npi_mean _npi_std
_npi_var _npi_argmax _npi_argmin _np_cumsum _npi_diff _npi_nan_to_num _npi_tril _np_diag _np_trace
"""
_POSITIVE = """
gamma gammaln log log10 log1p log2 rcbrt reciprocal rsqrt sqrt _npi_log _npi_log10 _npi_log1p _npi_log2
_npi_reciprocal _npi_sqrt
"""
_BOUNDED = "arccos arcsin arctanh erfinv _npi_arccos _npi_arcsin _npi_arctanh"
_SCALAR = """
_plus_scalar _minus_scalar _mul_scalar _div_scalar _mod_scalar _power_scalar _maximum_scalar _minimum_scalar
_hypot_scalar _equal_scalar _not_equal_scalar _greater_scalar _greater_equal_scalar _lesser_scalar
_lesser_equal_scalar _logical_and_scalar _logical_or_scalar _logical_xor_scalar _rminus_scalar _rdiv_scalar
_rmod_scalar _rpower_scalar _scatter_plus_scalar _scatter_minus_scalar
_npi_add_scalar _npi_subtract_scalar _npi_multiply_scalar _npi_true_divide_scalar _npi_mod_scalar
_npi_power_scalar _npi_equal_scalar _npi_not_equal_scalar _npi_greater_scalar _npi_greater_equal_scalar
_npi_less_scalar _npi_less_equal_scalar _npi_arctan2_scalar _npi_rarctan2_scalar _npi_copysign_scalar
_npi_rcopysign_scalar _npi_ldexp_scalar _npi_rmod_scalar _npi_rpower_scalar _npi_rsubtract_scalar
_npi_rtrue_divide_scalar
"""
_SAME = """
elemwise_add elemwise_sub elemwise_mul elemwise_div _equal _not_equal _greater _greater_equal _lesser
_lesser_equal _maximum _minimum _mod _power _hypot _logical_and _logical_or _logical_xor _scatter_elemwise_div
add_n _identity_with_attr_like_rhs reshape_like
"""
_BROADCAST = """
broadcast_add broadcast_sub broadcast_mul broadcast_div broadcast_mod broadcast_power broadcast_maximum
broadcast_minimum broadcast_hypot broadcast_equal broadcast_not_equal broadcast_greater
broadcast_greater_equal broadcast_lesser broadcast_lesser_equal broadcast_logical_and broadcast_logical_or
broadcast_logical_xor
_npi_add _npi_subtract _npi_multiply _npi_true_divide _npi_mod _npi_power _npi_equal _npi_not_equal
_npi_greater _npi_greater_equal _npi_less _npi_less_equal _npi_arctan2 _npi_hypot _npi_copysign _npi_ldexp
"""
_MORE = """
arccosh _npi_arccosh | a2,3 |
_npi_bitwise_and _npi_bitwise_or _npi_bitwise_xor | di2,3<9 di2,3<9 |
_npi_bitwise_and_scalar _npi_bitwise_or_scalar _npi_bitwise_xor_scalar | di2,3<9 | scalar=5
_npi_share_memory | 2,3 2,3 |
max mean min prod sum nansum nanprod norm | 2,3,4 | axis=1 keepdims=True
max mean min prod sum | 2,3,4 | axis=(0,2)
sum mean | 2,3,4 | axis=1 exclude=True
argmax argmin | 2,3,4 | axis=1
norm | 2,3,4 | ord=1 axis=2
moments | 2,3,4 | axes=(0,2)
_np_max _np_min _np_prod _np_sum _npi_mean _npi_std _npi_var | 2,3,4 | axis=(1,) keepdims=True
_np_all _np_any | o2,3,4 | axis=(1,)
_npi_argmax _npi_argmin | 2,3,4 | axis=1
_np_cumsum | 2,3,4 | axis=1
_npi_diff | 2,5 | n=2 axis=1
_npi_average | 2,3 | axis=(1,) weighted=False
softmax log_softmax softmin | 2,3,4 | axis=1 temperature=2.0
softmax | 2,3,4 di2,4<3 | axis=1 use_length=True
SoftmaxActivation | 2,3,4,5 | mode=channel
Activation | 2,3 | act_type=relu
Activation | 2,3 | act_type=softrelu
Activation | 2,3 | act_type=sigmoid
Activation | 2,3 | act_type=tanh
Activation | 2,3 | act_type=softsign
LeakyReLU | 2,3 | act_type=leaky slope=0.2
LeakyReLU | 2,3 | act_type=elu slope=0.5
LeakyReLU | 2,3 | act_type=selu
LeakyReLU | 2,3 | act_type=gelu
LeakyReLU | 2,3,4 w3 | act_type=prelu
hard_sigmoid | 2,3 | alpha=0.3 beta=0.4
smooth_l1 | 2,3 | scalar=0.7
clip | 2,3 | a_min=-0.5 a_max=0.7
Cast | 2,3 | dtype=float64
amp_cast | 2,3 | dtype=float16
amp_multicast | 2,3 2,3 | num_outputs=2
cast_storage | 2,3 | stype=default
Convolution Convolution_v1 | 2,3,7,6 w4,3,3,2 w4 | kernel=(3,2) num_filter=4 stride=(2,1) pad=(1,0)
Convolution | 2,4,7 w4,2,3 | kernel=(3,) num_filter=4 num_group=2 no_bias=True dilate=(2,)
Convolution | 1,2,4,5,3 w3,2,2,2,2 w3 | kernel=(2,2,2) num_filter=3
Deconvolution | 2,4,4,5 w4,3,3,3 w3 | kernel=(3,3) num_filter=3 stride=(2,2) pad=(1,1) adj=(1,0) no_bias=False
Deconvolution | 2,4,4,5 w4,2,2,2 | kernel=(2,2) num_filter=4 num_group=2 stride=(2,2)
_contrib_DeformableConvolution | 1,2,5,5 u1,18,3,3 w3,2,3,3 w3 | kernel=(3,3) num_filter=3
_contrib_ModulatedDeformableConvolution | 1,2,5,5 u1,18,3,3 p1,9,3,3 w3,2,3,3 w3 | kernel=(3,3) num_filter=3
FullyConnected | 2,3,4 w5,12 w5 | num_hidden=5
FullyConnected | 2,3,4 w5,4 | num_hidden=5 no_bias=True flatten=False
Pooling Pooling_v1 | 2,3,7,6 | kernel=(3,2) stride=(2,2) pool_type=max pad=(1,0)
Pooling | 2,3,7,6 | kernel=(3,2) stride=(2,2) pool_type=avg pad=(1,1) count_include_pad=False
Pooling | 2,3,7,6 | kernel=(3,3) stride=(2,2) pool_type=max pooling_convention=full
Pooling | 2,3,7,6 | global_pool=True pool_type=avg kernel=(1,1)
Pooling | 2,3,7 | kernel=(2,) stride=(2,) pool_type=lp p_value=2
Pooling | 2,3,7,6 | kernel=(2,2) pool_type=sum
BatchNorm _contrib_BatchNormWithReLU BatchNorm_v1 | 2,3,4,5 w3 w3 w3 wp3 | fix_gamma=False
BatchNorm | 2,3,4,5 w3 w3 w3 wp3 | fix_gamma=True eps=0.01
_contrib_SyncBatchNorm | 2,3,4,5 w3 w3 w3 wp3 | fix_gamma=False key=bn use_global_stats=True
InstanceNorm | 2,3,4,5 w3 w3 | eps=0.01
LayerNorm | 2,3,4 w4 w4 | axis=-1
GroupNorm | 2,4,3,3 w2 w2 | num_groups=2
L2Normalization | 2,3,4 | mode=channel
L2Normalization | 2,3,4 | mode=instance
L2Normalization | 2,3,4 | mode=spatial
LRN | 2,6,3,4 | nsize=3 alpha=0.1
Embedding _contrib_SparseEmbedding | i2,3<5 w5,4 | input_dim=5 output_dim=4
Concat | 2,3 2,4 | num_args=2 dim=1
stack | 2,3 2,3 | num_args=2 axis=1
_rnn_param_concat | w6 w4 | num_args=2 dim=0
SliceChannel | 2,6 | num_outputs=3 axis=1
SliceChannel | 2,3,4 | num_outputs=3 axis=1 squeeze_axis=True
_split_v2 | 2,6 | indices=(0,2,5) axis=1
_split_v2 | 2,6 | indices=() axis=1 sections=3
slice | 4,5 | begin=(1,0) end=(3,4)
slice | 4,5 | begin=(None,-1) end=(None,None) step=(None,-2)
slice_axis | 4,5 | axis=1 begin=1 end=-1
slice_like | 4,5 2,3 |
slice_like | 4,5 2,3 | axes=(1,)
_slice_assign | 4,5 2,3 | begin=(1,0) end=(3,3)
_slice_assign_scalar | 4,5 | begin=(1,0) end=(3,3) scalar=2.5
Reshape | 2,3,4 | shape=(0,-1)
Reshape | 2,3,4 | shape=(-3,-2)
Reshape | 2,6,4 | shape=(0,-4,2,-1,-2)
expand_dims | 2,3 | axis=1
squeeze | 2,1,3,1 |
squeeze | 2,1,3,1 | axis=1
transpose | 2,3,4 | axes=(0,2,1)
SwapAxis | 2,3,4 | dim1=0 dim2=2
tile | 2,3 | reps=(2,1,2)
repeat | 2,3 | repeats=2
repeat | 2,3 | repeats=2 axis=1
reverse | 2,3,4 | axis=(1,)
Pad | 1,2,3,4 | mode=constant pad_width=(0,0,0,0,1,2,0,1) constant_value=1.5
Pad | 1,2,3,4 | mode=edge pad_width=(0,0,0,0,1,2,0,1)
Pad | 1,2,3,4 | mode=reflect pad_width=(0,0,0,0,1,2,0,1)
broadcast_axis | 2,1,3 | axis=1 size=4
broadcast_to | 2,1,3 | shape=(0,4,0)
broadcast_like | 2,1 3,2,4 | lhs_axes=(1,) rhs_axes=(2,)
broadcast_like | 2,1 2,4 |
dot | 2,3 3,4 |
dot | 3,2 4,3 | transpose_a=True transpose_b=True
batch_dot | 2,3,4 2,4,5 |
batch_dot | 2,4,3 2,5,4 | transpose_a=True transpose_b=True
khatri_rao | 2,3 4,3 | num_args=2
take | 5,3 i2,2<5 |
take | 3,5 i4<5 | axis=1 mode=wrap
batch_take | 3,4 di3<4 |
pick | 3,4 i3<4 | axis=1
gather_nd | 3,4 i2,3<3 |
scatter_nd | 3 i2,3<3 | shape=(3,4)
one_hot | i2,3<4 | depth=4 on_value=2 off_value=-1
where | o2,3 2,3 2,3 |
topk | 2,5 | k=2 ret_typ=value axis=1
topk | 2,5 | k=2 ret_typ=both axis=1 is_ascend=True
topk | 2,5 | k=2 ret_typ=mask axis=1
sort argsort | 2,5 | axis=1 is_ascend=False
diag | 4,4 | k=1
diag | 2,3,3 | axis1=1 axis2=2
depth_to_space | 1,8,2,3 | block_size=2
space_to_depth | 1,2,4,6 | block_size=2
im2col | 1,2,5,4 | kernel=(2,3) stride=(2,1)
col2im | 1,8,6 | output_size=(4,3) kernel=(2,2)
UpSampling | 1,2,3,4 | scale=2 sample_type=nearest num_args=1
Crop | 1,2,6,7 | num_args=1 offset=(1,2) h_w=(3,4)
Crop | 1,2,6,7 1,2,3,4 | num_args=2 center_crop=True
SequenceLast SequenceReverse SequenceMask | 4,2,3 l2<5 | use_sequence_length=True
SequenceMask | 4,2,3 l2<5 | use_sequence_length=True value=-1
SequenceLast | 4,2,3 |
RNN | 4,2,3 w56 1,2,2 1,2,2 | state_size=2 num_layers=1 mode=lstm
RNN | 4,2,3 w84 2,2,2 | state_size=2 num_layers=1 mode=gru bidirectional=True
RNN | 4,2,3 w26 2,2,2 | state_size=2 num_layers=2 mode=rnn_tanh state_outputs=True
RNN | 4,2,3 w14 1,2,2 | state_size=2 num_layers=1 mode=rnn_relu
LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput | 2,3 2,3 |
SoftmaxOutput SVMOutput | 2,3 i2<3 |
softmax_cross_entropy | 2,3 i2<3 |
IdentityAttachKLSparseReg | 2,3 w3 |
GridGenerator | 1,6 | transform_type=affine target_shape=(3,4)
GridGenerator | 1,2,3,4 | transform_type=warp
BilinearSampler | 1,2,4,5 u1,2,3,4 |
SpatialTransformer | 1,2,4,5 u1,6 | transform_type=affine sampler_type=bilinear target_shape=(3,4)
Correlation | 1,2,5,5 1,2,5,5 | kernel_size=1 max_displacement=1 stride1=1 stride2=1 pad_size=1
ROIPooling _contrib_ROIAlign | 2,3,8,8 r2,5 | pooled_size=(2,2) spatial_scale=0.5
_contrib_PSROIPooling | 2,8,8,8 r2,5 | spatial_scale=0.5 output_dim=2 pooled_size=2 group_size=2
_contrib_AdaptiveAvgPooling2D | 1,2,5,7 | output_size=(2,3)
_contrib_BilinearResize2D | 1,2,3,4 | height=5 width=6
_contrib_MultiBoxPrior | 1,2,3,4 | sizes=(0.5,0.3) ratios=(1,2)
_contrib_MultiBoxDetection | s1,3,4 u1,16 c1,4,4 |
_contrib_Proposal _contrib_MultiProposal | s1,2,4,4 u1,4,4,4 m1,3 | scales=(1,) ratios=(1,) \
rpn_pre_nms_top_n=12 rpn_post_nms_top_n=4 feature_stride=4 rpn_min_size=1
_contrib_box_iou | c3,4 c2,4 | format=corner
_contrib_box_nms | s2,5,6 | overlap_thresh=0.5 coord_start=2 score_index=1 id_index=0
_contrib_box_decode | 2,3,4 c1,3,4 | format=corner
_contrib_boolean_mask | 4,3 o4 |
_contrib_index_array | 2,3 |
_contrib_index_copy | 4,3 di2<4 2,3 |
_contrib_arange_like | 2,3 | axis=1
_contrib_quantize | u2,3 m1 p1 | out_type=int8
_contrib_quantize_v2 | 2,3 | min_calib_range=-2 max_calib_range=2 out_type=int8
_contrib_interleaved_matmul_selfatt_qk | 3,2,12 | heads=2
_contrib_interleaved_matmul_selfatt_valatt | 3,2,12 4,3,3 | heads=2
_contrib_interleaved_matmul_encdec_qk | 3,2,4 5,2,8 | heads=2
_contrib_interleaved_matmul_encdec_valatt | 5,2,8 4,3,5 | heads=2
_ravel_multi_index | i2,3<3 | shape=(3,4)
_unravel_index | i3<12 | shape=(3,4)
_arange _npi_arange | | start=1 stop=7 step=2
_linspace | | start=0 stop=1 num=5
_eye | | N=3 M=4 k=1
_npi_eye | | N=3 M=4 k=1
_npi_identity | | shape=(3,3)
_full | | shape=(2,3) value=1.5
_ones _zeros _npi_ones _npi_zeros | | shape=(2,3)
_npi_full_like | 2,3 | fill_value=2.5
_npi_indices | | dimensions=(2,3)
_image_crop | i5,6,3<255 | x=1 y=2 width=3 height=2
_image_flip_left_right _image_flip_top_bottom | i4,6,3<255 |
_image_normalize | 3,4,5 | mean=(0.1,0.2,0.3) std=(0.5,0.6,0.7)
_image_to_tensor | i5,6,3<255 |
_linalg_det _linalg_slogdet _linalg_inverse | h3,3 |
_linalg_potrf _linalg_potri _linalg_sumlogdiag _npi_cholesky | h3,3 |
_linalg_extractdiag _linalg_extracttrian | 3,3 |
_linalg_makediag | 3 |
_linalg_maketrian | 6 |
_linalg_syrk | 2,3 | alpha=0.5
_linalg_gemm | 2,3 3,4 2,4 | alpha=0.5 beta=2.0
_linalg_gemm2 | 3,2 3,4 | transpose_a=True alpha=0.5
_linalg_trmm _linalg_trsm | h3,3 3,4 |
_np_atleast_1d _np_atleast_2d _np_atleast_3d | 3 | num_args=1
_np_diag | 3,4 | k=1
_np_diagonal | 3,4 | offset=1
_np_dot _npi_matmul | 2,3 3,4 |
_np_moveaxis | 2,3,4 | source=(0,) destination=(2,)
_np_reshape | 2,3,4 | newshape=(6,-1)
_npx_reshape | 2,3,4 | newshape=(-2,-1)
_np_roll | 2,5 | shift=(2,) axis=(1,)
_np_squeeze | 2,1,3 | axis=(1,)
_np_trace | 3,4 | offset=1
_npi_broadcast_to | 2,1,3 | shape=(2,4,3)
_npi_column_stack _npi_hstack | 2,3 2,3 | num_args=2
_npi_dstack _npi_vstack | 2,3 2,3 | num_args=2
_npi_concatenate | 2,3 2,4 | num_args=2 axis=1
_npi_stack | 2,3 2,3 | num_args=2 axis=1
_npi_einsum | 2,3 3,4 | num_args=2 subscripts=ij,jk->ki
_npi_dsplit | 2,3,4 | indices=() sections=2 axis=2
_npi_hsplit | 2,6 | indices=() sections=3 axis=1
_npi_flip | 2,3 | axis=(1,)
_npi_pad | 2,3 | pad_width=((1,2),(0,1)) mode=constant
_npi_tensordot | 2,3,4 4,3,5 | a_axes_summed=(1,2) b_axes_summed=(1,0)
_npi_tensordot_int_axes | 2,3,4 3,4,5 | axes=2
_npi_where | o2,3 2,3 3 |
_npi_where_lscalar _npi_where_rscalar | o2,3 2,3 | scalar=1.5
_npi_where_scalar2 | o2,3 | x=1.5 y=-2
_npx_constraint_check | t2,3 |
"""
EXPRESSIONS = {
    "_foreach": ("contrib.foreach(lambda d, s: (d + s, d * s), x, y)", "4,3 3"),
    "_while_loop": (
        "contrib.while_loop(lambda a, b: a.sum() < 9, lambda a, b: (a + b, (a + 1, b * 2)), "
        "[x, y], max_iterations=4)",
        "p1 p1",
    ),
    "_square_sum": (
        "_internal._square_sum(mx.sym.cast_storage(x, stype='row_sparse'), axis=(1,), keepdims=True)",
        "3,4",
    ),
    "_scatter_set_nd": (
        "_internal._scatter_set_nd(lhs=x * 2, rhs=y, indices=z, shape=(3, 4))",
        "3,4 3 i2,3<3",
    ),
    "_zeros_without_dtype": (
        "broadcast_add(x, mx.sym._internal._zeros_without_dtype(shape=(2, 3)))",
        "2,3",
    ),
    "_contrib_dequantize": (
        "contrib.dequantize(*mx.sym.contrib.quantize_v2(x, out_type='int8'))",
        "2,3",
    ),
    "_copyto": ("broadcast_add(mx.sym._internal._copyto(x), y)", "2,3 2,3"),
    "_cond": ("contrib.cond(x.sum() < y.sum(), lambda: x + y, lambda: x - y)", "2 2"),
}
"""Operators that hold graphs, or want more than one, by MXNet's Python; inputs are x, y and z."""


def all_cases():
    """Name to operator, inputs and attributes."""
    lines = [f"{name} | 3,4 |" for name in _UNARY.split()]
    lines += [f"{name} | p2,3 |" for name in _POSITIVE.split()]
    lines += [f"{name} | u2,3 |" for name in _BOUNDED.split()]
    lines += [f"{name} | p2,3 | scalar=1.7" for name in _SCALAR.split()]
    lines += [f"{name} | p2,3 p2,3 |" for name in _SAME.split()]
    lines += [f"{name} | p2,3,4 p3,1 |" for name in _BROADCAST.split() if "_npi" in name]
    lines += [f"{name} | p2,3,4 p1,3,1 |" for name in _BROADCAST.split() if "_npi" not in name]
    lines += _MORE.strip().splitlines()
    found = {}
    for line in lines:
        operators, inputs, attributes = (part.strip() for part in line.split("|"))
        for operator in operators.split():
            count = sum(name.partition(":")[0] == operator for name in found)
            name = operator if not count else f"{operator}:{count}"
            pairs = dict(pair.split("=", 1) for pair in attributes.split())
            found[name] = (operator, inputs.split(), pairs)
    return found
