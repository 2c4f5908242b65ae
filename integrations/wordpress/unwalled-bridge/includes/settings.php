<?php
/**
 * Settings → Unwalled. WordPress itself checks who sends the form, and that they meant to (options.php and its nonce).
 *
 * @package Unwalled
 */

namespace Unwalled\Bridge;

defined( 'ABSPATH' ) || exit;

const SETTINGS_PAGE = 'unwalled-bridge';

function register_settings(): void {
	register_setting(
		SETTINGS_PAGE,
		OPTION,
		array(
			'type'              => 'array',
			'default'           => PLAIN,
			'sanitize_callback' => __NAMESPACE__ . '\sanitize',
		)
	);
	add_settings_section( 'main', '', '__return_empty_string', SETTINGS_PAGE );
	foreach ( fields() as $name => $field ) {
		add_settings_field(
			$name,
			esc_html( $field['label'] ),
			__NAMESPACE__ . '\print_field',
			SETTINGS_PAGE,
			'main',
			array(
				'name'      => $name,
				'label_for' => SETTINGS_PAGE . '-' . $name,
			)
		);
	}
}

function add_settings_page(): void {
	$title = __( 'Unwalled', 'unwalled-bridge' );
	add_options_page( $title, $title, 'manage_options', SETTINGS_PAGE, __NAMESPACE__ . '\print_settings_page' );
}

/**
 * What the form has sent, checked; what was not taken is told.
 *
 * @param mixed $given What came.
 */
function sanitize( $given ): array {
	$given   = is_array( $given ) ? $given : array();
	$checked = checked( $given );
	$told    = array(
		'operator'  => __( 'The address of the operator is not one. Write it as https://bridge.example.', 'unwalled-bridge' ),
		'version'   => __( 'The version is not one: it has 16 letters and digits. Copy it from the page /add of the operator.', 'unwalled-bridge' ),
		'integrity' => __( 'The hash is not one: it begins with sha384-. Copy it from the page /add of the operator.', 'unwalled-bridge' ),
	);
	foreach ( $told as $name => $message ) {
		if ( '' === $checked[ $name ] && '' !== text( $given, $name ) ) {
			add_settings_error( OPTION, $name, $message );
		}
	}
	// Whose script a site runs is only for those who may write scripts: on a network of sites, not for the administrator of one.
	$before = settings();
	$source = array( 'operator' => '', 'version' => '', 'integrity' => '' );
	if ( ! current_user_can( 'unfiltered_html' ) && array_intersect_key( $checked, $source ) !== array_intersect_key( $before, $source ) ) {
		add_settings_error( OPTION, 'scripts', __( 'You may not change operator, version and hash: they name a script, which only a user who may write unfiltered HTML can choose.', 'unwalled-bridge' ) );
		$checked = array_merge( $checked, array_intersect_key( $before, $source ) );
	}
	if ( ( '' === $checked['version'] ) !== ( '' === $checked['integrity'] ) ) {
		add_settings_error( OPTION, 'pin', __( 'A pinned switch needs both version and hash. Until then the newest is loaded.', 'unwalled-bridge' ) );
	}
	return $checked;
}

function print_settings_page(): void {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	echo '<div class="wrap"><h1>' . esc_html( get_admin_page_title() ) . '</h1><form action="options.php" method="post">';
	settings_fields( SETTINGS_PAGE );
	do_settings_sections( SETTINGS_PAGE );
	submit_button();
	echo '</form></div>';
}

/** @param array $about Which field. */
function print_field( array $about ): void {
	$name  = $about['name'];
	$field = fields()[ $name ];
	$value = (string) settings()[ $name ];
	$id    = SETTINGS_PAGE . '-' . $name;
	$place = OPTION . '[' . $name . ']';
	if ( isset( $field['values'] ) ) {
		echo '<select id="' . esc_attr( $id ) . '" name="' . esc_attr( $place ) . '">';
		foreach ( $field['values'] as $one => $label ) {
			echo '<option value="' . esc_attr( (string) $one ) . '"' . selected( $value, (string) $one, false ) . '>' . esc_html( $label ) . '</option>';
		}
		echo '</select>';
	} else {
		echo '<input type="text" class="regular-text code" dir="ltr" id="' . esc_attr( $id ) . '" name="' . esc_attr( $place ) . '" value="' . esc_attr( $value ) . '">';
	}
	echo '<p class="description">' . esc_html( $field['note'] ) . '</p>';
}

/** The fields of the form by name. */
function fields(): array {
	$layouts = array(
		'panel'    => __( 'Panel', 'unwalled-bridge' ),
		'banner'   => __( 'Banner', 'unwalled-bridge' ),
		'badge'    => __( 'Badge', 'unwalled-bridge' ),
		'floating' => __( 'Floating', 'unwalled-bridge' ),
	);
	$numbers = range( 1, MOST_READERS );
	return array(
		'operator'    => array(
			'label' => __( 'Operator', 'unwalled-bridge' ),
			'note'  => __( 'Address of the server that your visitors help, such as https://bridge.example. Its script runs on your pages: choose one that you trust.', 'unwalled-bridge' ),
		),
		'version'     => array(
			'label' => __( 'Version', 'unwalled-bridge' ),
			'note'  => __( 'With version and hash, browsers refuse the script if a single letter of it was changed. Copy both from the page /add of the operator. Empty: always the newest.', 'unwalled-bridge' ),
		),
		'integrity'   => array(
			'label' => __( 'Hash', 'unwalled-bridge' ),
			'note'  => __( 'Begins with sha384-.', 'unwalled-bridge' ),
		),
		'layout'      => array(
			'label'  => __( 'Layout', 'unwalled-bridge' ),
			'note'   => __( 'Of blocks and shortcodes that do not say their own.', 'unwalled-bridge' ),
			'values' => $layouts,
		),
		'theme'       => array(
			'label'  => __( 'Colours', 'unwalled-bridge' ),
			'note'   => __( 'For colours of your own, set custom properties in the style sheet of your theme.', 'unwalled-bridge' ),
			'values' => array(
				'auto'  => __( 'As the visitor’s device', 'unwalled-bridge' ),
				'light' => __( 'Light', 'unwalled-bridge' ),
				'dark'  => __( 'Dark', 'unwalled-bridge' ),
			),
		),
		'lang'        => array(
			'label' => __( 'Language', 'unwalled-bridge' ),
			'note'  => __( 'Such as fa or zh-Hant. Empty: that of the page.', 'unwalled-bridge' ),
		),
		'max_readers' => array(
			'label'  => __( 'People at once', 'unwalled-bridge' ),
			'note'   => __( 'How many one visitor helps at once, at most.', 'unwalled-bridge' ),
			'values' => array_combine( $numbers, array_map( 'strval', $numbers ) ),
		),
		'everywhere'  => array(
			'label'  => __( 'On every page', 'unwalled-bridge' ),
			'note'   => __( 'Where a page has no switch of its own, this one stands at its end. The switch is always off until a visitor turns it on.', 'unwalled-bridge' ),
			'values' => array( '' => __( 'No', 'unwalled-bridge' ) ) + array_intersect_key( $layouts, array_flip( PLACES ) ),
		),
	);
}
